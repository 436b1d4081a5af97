import type { BlobRef } from '../blob/ref.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import type { Position } from './search-strings.ts'

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

/**
 * What search finds a permanode by: one that is shown, as it is now. It follows from the permanode's state and from
 * what it is about, by the same functions that search asks, and narrows where search looks; no more.
 */
export interface SearchDocument {
  readonly ref: BlobRef
  readonly created: Nanoseconds
  readonly modified: Nanoseconds
  readonly isHidden: boolean
  /** What it is about, or where it is, is not only what this says: of several contents it says the first. */
  readonly isUncertain: boolean
  /** Of all contents. */
  readonly mediaTypes: readonly string[]
  /** Pixels. */
  readonly width: number | undefined
  readonly height: number | undefined
  readonly rating: number | undefined
  readonly position: Position | undefined
  /** Attributes and values that many permanodes may share. */
  readonly values: readonly (readonly [attribute: string, value: string])[]
  /** Titles, a line each. */
  readonly title: string
  /** Names of files, a line each. */
  readonly name: string
  readonly text: string
}
