import type { OpenFile } from '../base/files.ts'
import {
  COMPACT_BATCH_BYTES,
  COMPACT_BATCH_RECORDS,
  COMPACT_DEAD_BYTES_MIN,
  COMPACT_DEAD_SHARE_MIN,
} from './limits.ts'
import { type PackBlob, scanPack } from './pack-scan.ts'
import type { BlobRef } from './ref.ts'

/**
 * Gives back the space of a pack whose records are mostly dead: its live ones are appended to the
 * active pack, then it is cut to an empty file, which stays, so that the numbers have no gap.
 *
 * 1. A record is copied only when it was verified, and only if the index says that the blob lies
 *    right there: another record of it is a copy, or what a removal is about to overwrite.
 * 2. The old pack is cut only after a second walk has found no record that a row still points to.
 * 3. A pack with damage is never cut: what cannot be read may yet be repaired.
 *
 * Killed at any moment, the next run finds each blob once in the index, in the old pack or the new.
 */
export interface CompactedPack {
  /** A file of its own for a long read; undefined when the pack is missing. */
  open(): Promise<OpenFile | undefined>
  /** Where in this pack the index says that the payloads lie; undefined for those that it says are elsewhere, or nowhere. */
  offsets(refs: readonly BlobRef[]): Promise<(number | undefined)[]>
  /**
   * Appends and syncs the records to the active pack, then points the rows that still point to this
   * pack to the copies, in a synced write. A copy whose row went meanwhile is marked deleted. The
   * bytes may not be kept after it resolves.
   */
  move(records: readonly MovedRecord[]): Promise<void>
  /** Cuts the pack to an empty file and syncs it; its row and its table with it. */
  empty(): Promise<void>
}

export interface MovedRecord {
  readonly ref: BlobRef
  /** Where the payload lies in the old pack. */
  readonly payloadOffset: number
  readonly bytes: Uint8Array
}

/** What became of the pack; `busy` when records were still in use there: try again later. */
export type Compaction = 'emptied' | 'damaged' | 'missing' | 'busy'

/** Whether the space that a pack would give back is worth copying the rest. */
export function isWorthCompacting(pack: {
  readonly length: number
  readonly dead: number
}): boolean {
  if (pack.dead >= pack.length) return pack.length > 0
  return pack.dead >= COMPACT_DEAD_BYTES_MIN && pack.dead >= pack.length * COMPACT_DEAD_SHARE_MIN
}

/** Compacts one pack, which must not be the active one. */
export async function compactPack(pack: CompactedPack): Promise<Compaction> {
  const file = await pack.open()
  if (file === undefined) return 'missing'
  try {
    if (!(await moveLive(pack, file))) return 'damaged'
    if (await hasLive(pack, file)) return 'busy'
  } finally {
    await file.close()
  }
  await pack.empty()
  return 'emptied'
}

/** Moves what is live, in batches of bounded size; false when it met damage. */
async function moveLive(pack: CompactedPack, file: OpenFile): Promise<boolean> {
  let batch: MovedRecord[] = []
  let bytes = 0
  for await (const event of scanPack(file, { payloads: 'verify' })) {
    if (event.kind === 'damage') return false
    if (event.kind === 'deleted' || event.bytes === undefined) continue
    // The walk reuses its buffer.
    batch.push({ ...event, bytes: Uint8Array.from(event.bytes) })
    bytes += event.size
    if (bytes >= COMPACT_BATCH_BYTES || batch.length >= COMPACT_BATCH_RECORDS) {
      await moveBatch(pack, batch)
      batch = []
      bytes = 0
    }
  }
  await moveBatch(pack, batch)
  return true
}

async function moveBatch(pack: CompactedPack, batch: readonly MovedRecord[]): Promise<void> {
  const offsets = await pack.offsets(batch.map(({ ref }) => ref))
  const live = batch.filter(({ payloadOffset }, i) => offsets[i] === payloadOffset)
  if (live.length > 0) await pack.move(live)
}

async function hasLive(pack: CompactedPack, file: OpenFile): Promise<boolean> {
  let batch: PackBlob[] = []
  const isAnyHere = async (): Promise<boolean> => {
    const offsets = await pack.offsets(batch.map(({ ref }) => ref))
    batch = []
    return offsets.some(offset => offset !== undefined)
  }
  for await (const event of scanPack(file, { payloads: 'skip' })) {
    if (event.kind === 'blob') batch.push(event)
    if (batch.length >= COMPACT_BATCH_RECORDS && (await isAnyHere())) return true
  }
  return isAnyHere()
}
