import type { BlobRef } from './ref.ts'

/**
 * What a store of blobs is. One conformance suite (test/contract) holds for every implementation.
 *
 * A blob is 0 to 16 MiB of bytes under the name its hash gives it; it never changes. So a store has
 * no update, two writers of one ref are not in conflict, and every method may be repeated.
 *
 * Lifecycle: what a factory returns is open. `close()` is idempotent, waits for running work and
 * makes every later call reject with PeerkeepError `CLOSED`.
 *
 * Errors: absent is a normal answer (undefined, or not listed). A blob that the store should have and
 * cannot read, or whose bytes are not what the ref says, rejects with `BLOB_DAMAGED`; a failed disk
 * with `IO` or `DISK_FULL`. After any error the store is still usable for everything else.
 */
export interface BlobStore extends AsyncDisposable {
  /**
   * The bytes of a blob, or undefined when it is not here. The bytes are hashed before they are
   * handed out: what is wrong rejects with `BLOB_DAMAGED`, is set aside (see `quarantined`), and is
   * absent from then on, so that it can be received again. The caller may keep the bytes, and must
   * not write into them: several callers may hold the same ones. A store may put them into what `room` answers for
   * their number: who reads many can use it again.
   */
  fetch(ref: BlobRef, room?: Room): Promise<Uint8Array | undefined>
  /**
   * Sizes in bytes in the order of `refs`, undefined for what is not here. Cheap: a look-up each,
   * no blob is read.
   */
  stat(refs: readonly BlobRef[]): Promise<(number | undefined)[]>
  /**
   * All refs with their sizes, in ascending order, beginning after `after`. A blob added or removed
   * while the iteration runs may or may not be listed; every other one is listed exactly once.
   */
  enumerate(after?: BlobRef): AsyncIterable<SizedRef>
  /**
   * Keeps a blob. Resolves once it survives a power cut, with false when it was here (durably)
   * already. The bytes belong to the caller again from then on. Many calls may be open at once, and share their syncs; whoever calls bounds the bytes
   * in flight. Rejecting means that nothing is promised: the blob may be here or not.
   * Only the one door (`receive.ts`) can make a `VerifiedBlob`.
   */
  add(blob: VerifiedBlob): Promise<boolean>
  /**
   * Removes blobs; those that are not here are passed over. Resolves once none of them will come
   * back after a power cut. Space is given back at once, or later by the store's own housekeeping.
   */
  remove(refs: readonly BlobRef[]): Promise<void>
  close(): Promise<void>
}

/** What whoever copies out of a store needs of it: formats that are only read are no more than this. */
export type BlobSource = Pick<BlobStore, 'fetch' | 'stat' | 'enumerate' | 'close'> & AsyncDisposable

/**
 * Reads a stretch of a blob without the rest of it, for formats that keep many things in one. A separate interface: packs
 * and servers do not have it, plain folders and buckets do.
 */
export interface StretchSource {
  /**
   * `size` bytes from `begin`, or as many as there are; undefined when the blob is not here. They are NOT held against the
   * ref, as only the whole could be: whoever reads them must have a hash of their own for them.
   */
  fetchUnverified(ref: BlobRef, begin: number, size: number): Promise<Uint8Array | undefined>
}

/**
 * Says in which order many blobs are best read, for a store where they lie one behind the other: a disk that turns finds a
 * hundred places a second, and reads on from one at full speed. A separate interface: packs have it.
 */
export interface ReadingOrder {
  /** The same blobs; those that are not here any more stand at the end. */
  inReadingOrder(blobs: readonly SizedRef[]): Promise<readonly SizedRef[]>
}

/** Answers memory of exactly so many bytes. */
export type Room = (bytes: number) => Uint8Array

export interface SizedRef {
  readonly ref: BlobRef
  readonly size: number
}

declare const verified: unique symbol

/** Bytes that the one door has held against their ref. */
export interface VerifiedBlob {
  readonly ref: BlobRef
  readonly bytes: Uint8Array
  readonly [verified]: true
}

/**
 * The order in which a store took its schema blobs and keys (its `meta/` side), for whoever keeps
 * rows about them and must catch up after a crash, or begin from nothing. A separate interface: the
 * pack store and the memory store have it, a bucket does not.
 */
export interface SchemaLog {
  /**
   * Every meta blob after `after` (from the beginning without it) that is still here, in the order
   * taken, each verified, with the position behind it. Ends at what is durable when it gets there.
   * Positions are opaque text; one that this store no longer understands starts from the beginning.
   * A blob may come again (after a compaction); damaged ones are passed over (`check` names them).
   */
  readLog(after?: LogPosition): AsyncIterable<LogEntry>
}

export type LogPosition = string & { readonly __brand: 'LogPosition' }

export interface LogEntry {
  readonly ref: BlobRef
  readonly bytes: Uint8Array
  readonly position: LogPosition
}

/** Whether a blob belongs to `meta` (schema, keys: what an index is rebuilt from) or to `data`. */
export type BlobKind = 'meta' | 'data'
export type Classify = (bytes: Uint8Array) => BlobKind
