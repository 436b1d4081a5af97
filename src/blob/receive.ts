import { PeerkeepError } from '../base/errors.ts'
import { BLOB_SIZE_MAX } from './limits.ts'
import { type BlobRef, matchesRef, refOf } from './ref.ts'
import type { BlobStore, VerifiedBlob } from './store.ts'

/**
 * Told of each new blob, after it is durable and before the one who brought it gets its answer. The bytes are valid
 * during the call only.
 */
export type BlobListener = (ref: BlobRef, bytes: Uint8Array) => void

export interface Received {
  readonly ref: BlobRef
  readonly size: number
  /** False when the store had it already. */
  readonly isNew: boolean
}

declare const hashedHere: unique symbol

/** Bytes that a thread of this process has hashed, in memory that both see. */
export interface HashedBytes {
  readonly bytes: Uint8Array
  readonly ref: BlobRef
  readonly [hashedHere]: true
}

/** Says that `ref` was computed from these very bytes by a thread of this process: nobody else's word counts. */
export function hashedBytes(ref: BlobRef, bytes: Uint8Array): HashedBytes {
  return { ref, bytes } as HashedBytes
}

/**
 * The one door: the only way by which bytes become a blob. Behind it everything may assume that a
 * blob is what its ref says; before it everybody is a stranger.
 */
export interface Door {
  /**
   * Takes `bytes` in: limit, hash, compare, dedupe, store, notify. With `ref` (a stranger's claim of
   * what they are) rejects with `DIGEST_MISMATCH` when they are not; without, they get their name
   * here, unless a thread has hashed them already. Resolves once the blob is durable; until then the bytes must not be changed, and from then on they are the
   * caller's again.
   * Rejects with `BLOB_TOO_LARGE`, or with what the store says; then nobody is notified.
   */
  receive(bytes: Uint8Array | HashedBytes, ref?: BlobRef): Promise<Received>
}

export function openDoor(store: Pick<BlobStore, 'add'>, notify: BlobListener): Door {
  return {
    async receive(offered, ref) {
      const blob = verify(offered, ref)
      const isNew = await store.add(blob)
      if (isNew) notify(blob.ref, blob.bytes)
      return { ref: blob.ref, size: blob.bytes.length, isNew }
    },
  }
}

function verify(offered: Uint8Array | HashedBytes, claimed: BlobRef | undefined): VerifiedBlob {
  const hashed = offered instanceof Uint8Array ? undefined : offered
  const bytes = offered instanceof Uint8Array ? offered : offered.bytes
  if (bytes.length > BLOB_SIZE_MAX) {
    throw new PeerkeepError(
      'BLOB_TOO_LARGE',
      `a blob of ${bytes.length} bytes is over the limit of ${BLOB_SIZE_MAX}; larger things are stored in parts`,
    )
  }
  if (claimed !== undefined && hashed?.ref !== claimed && !matchesRef(claimed, bytes)) {
    throw new PeerkeepError(
      'DIGEST_MISMATCH',
      `${bytes.length} bytes offered as ${claimed} are ${refOf(bytes)}; nothing was stored`,
    )
  }
  return { ref: claimed ?? hashed?.ref ?? refOf(bytes), bytes } as unknown as VerifiedBlob
}
