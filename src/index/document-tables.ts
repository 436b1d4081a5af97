import type { BlobRef } from '../blob/ref.ts'
import type { SearchDocument } from './document.ts'

/**
 * Tables that search documents are found in: by value, word, part of a title, place, in the order of time. A cache that
 * may be lost at any time, also its last batches alone; `version` tells whether it was.
 *
 * Batches are atomic. All rejects with `CLOSED` after `close`.
 */
export interface DocumentTables {
  /** Who made them, and how many batches they hold; undefined for empty ones. */
  version(): Promise<TablesVersion | undefined>
  /** Empties them, for another maker. */
  reset(maker: string): Promise<void>
  /** Puts what has a document in place of what was there, and removes what has none; they hold `count` batches then. */
  apply(
    documents: readonly (readonly [ref: BlobRef, document: SearchDocument | undefined])[],
    count: number,
  ): Promise<void>
  /** The rows that an SQL query finds, columns in the order of the query. */
  select(sql: string, parameters: readonly SqlValue[]): Promise<readonly (readonly SqlValue[])[]>
  close(): Promise<void>
}

export interface TablesVersion {
  readonly maker: string
  readonly count: number
}

export type SqlValue = string | number | Uint8Array | null
