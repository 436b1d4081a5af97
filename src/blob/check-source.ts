import type { OpenFile } from '../base/files.ts'
import type { BlobRef } from './ref.ts'

/** What a check asks of the packs of one directory. */
export interface CheckedPacks {
  /** Number of packs; they are numbered from 0. */
  count(): number
  fileOf(pack: number): string
  /** The file's length; undefined when the pack is missing. */
  length(pack: number): Promise<number | undefined>
  /** A file of its own for a long read, which the caller closes; undefined when the pack is missing. */
  openForReading(pack: number): Promise<OpenFile | undefined>
}

/** Where the index says that the payload of a blob lies. */
export interface CheckedRow {
  readonly side: string
  readonly pack: number
  readonly offset: number
  readonly size: number
  /** Small and dense, another for each blob. */
  readonly number: number
}

/** What a check asks of the index. Every answer is of the moment it is asked for. */
export interface CheckedIndex {
  blobs(refs: readonly BlobRef[]): Promise<(CheckedRow | undefined)[]>
  enumerate(): AsyncIterable<readonly [BlobRef, CheckedRow]>
  /** Blobs that were set aside as damaged, with where they lie. */
  enumerateQuarantined(): AsyncIterable<readonly [BlobRef, Omit<CheckedRow, 'number'>]>
  /** Up to where everything in a pack is synced and indexed; undefined when nothing is known of it. */
  syncedLength(side: string, pack: number): Promise<number | undefined>
}

/** One pack of one directory. */
export interface CheckedPack {
  readonly side: string
  readonly packs: CheckedPacks
  readonly pack: number
}
