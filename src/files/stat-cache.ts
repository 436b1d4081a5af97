import type { BlobRef } from '../blob/ref.ts'

/** What is remembered of a file that was stored. */
export interface CachedFile {
  /** All that lstat tells of it, as opaque text: equal text, equal file. */
  readonly signature: string
  /** The `file` blob. */
  readonly ref: BlobRef
  /** Every other blob it needs: it counts as stored only while all of them are here. */
  readonly needs: readonly BlobRef[]
  /** True when the cache knows that all of them are here. */
  readonly isWhole?: boolean
}

/** Which files need not be read again. A cache: it may forget anything at any time. */
export interface StatCache {
  /** Answers in the order of `paths`, which are bytes as latin1 text below the tree's top. */
  getMany(paths: readonly string[]): Promise<(CachedFile | undefined)[]>
  /** Called only once every blob that `file` names is durable. May keep it until later. */
  put(path: string, file: CachedFile): void
}
