/**
 * A sorted map of text to text that outlives the process: what the blob index, the search index and
 * the node's durable state are kept in. Level on disk, a sorted map in memory, one day PostgreSQL.
 *
 * - Keys and values are well-formed strings (no lone surrogates); keys are 1 to 1,024 bytes of UTF-8, values at most 16 MiB.
 * - Order is the order of the keys' UTF-8 bytes.
 * - A batch is atomic: after a crash all of it is there or none. Batches survive in the order they
 *   were written: when one is there, all earlier ones are. With `sync` it resolves once it survives
 *   a power cut; without, the last ones may be lost.
 * - After `close()` every method rejects with PeerkeepError `CLOSED`; `close()` itself is idempotent
 *   and waits for running batches.
 */
export interface KeyValue {
  /** The value, or undefined. Cheap enough to be awaited in a loop. */
  get(key: string): Promise<string | undefined>
  /** The values in the order of the keys, undefined where there is none. */
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>
  batch(operations: readonly KeyValueOperation[], options?: { sync?: boolean }): Promise<void>
  /**
   * Rows in order (descending with `reverse`), as they were when the iteration began. Memory is
   * bounded whatever the range holds. Leaving the loop early frees what it holds.
   */
  scan(range?: KeyRange): AsyncIterable<readonly [key: string, value: string]>
  close(): Promise<void>
}

export type KeyValueOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string }

export interface KeyRange {
  /** First key that may be in the range. */
  readonly from?: string
  /** First key that is no longer in it. */
  readonly until?: string
  readonly reverse?: boolean
  readonly limit?: number
}

/** The range of all keys that begin with `prefix`. */
export function prefixRange(prefix: string): { from: string; until: string } {
  // U+10FFFF sorts after every text that follows a prefix, and never occurs in our keys.
  return { from: prefix, until: `${prefix}\u{10ffff}` }
}
