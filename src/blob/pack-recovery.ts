import type { FileLayer } from '../base/files.ts'
import type { KeyValue, KeyValueOperation } from '../base/key-value.ts'
import type { Log } from '../base/log.ts'
import type { PackDirectory } from './pack-directory.ts'
import {
  type BlobRow,
  encodeBlobRow,
  findBlobs,
  blobKey,
  type PackRow,
  type PackSide,
  putNextNumber,
  putPackRow,
  putRemoved,
  readNextNumber,
  readPackRow,
} from './pack-index.ts'
import { headerLength } from './pack-format.ts'
import { type PackBlob, scanPack } from './pack-scan.ts'
import { readPackTable } from './pack-tables.ts'
import { type BlobRef, matchesRef } from './ref.ts'
import { UNINDEXED_VERIFIED_BYTES } from './limits.ts'

/** Rows written at a time while packs are indexed again. */
const ROWS_PER_BATCH = 2000

export interface RecoveryOptions {
  readonly side: PackSide
  readonly packs: PackDirectory
  readonly files: FileLayer
  readonly rows: KeyValue
  readonly log: Log
  /** False for a directory that belongs to somebody else: nothing in it is cut. */
  readonly mayCut: boolean
}

/**
 * Brings the index up to what the packs of one directory hold. Per pack, what lies below the synced length is
 * taken as indexed; what lies beyond is walked. A record is indexed when its bytes are what it says. What was
 * acknowledged lies before everything that never was, so only what follows the last good record of the last
 * pack can be the remains of a write that nobody was promised: that is cut off. Anything else that cannot be
 * read is damage, and stays as it is.
 */
export async function recoverPacks(options: RecoveryOptions): Promise<void> {
  const { packs, rows, side } = options
  // A process that was killed may have made a pack and not come to syncing its name.
  await packs.syncNames()
  for (let pack = 0; pack < packs.count(); pack += 1) {
    const row = await readPackRow(rows, { side, pack })
    const length = await packs.length(pack)
    if (length !== undefined && length > (row?.synced ?? 0)) {
      const isTabled = row === undefined && (await indexFromTable(options, pack, length))
      if (!isTabled) await indexPack(options, { pack, length, row })
    }
    // What is appended below the synced length would not be looked for by the next start.
    if (pack === packs.count() - 1 && row && (length ?? 0) < row.synced) packs.roll()
  }
}

/** A full pack that the index knows nothing of is indexed from its table, when it has one that is right. */
async function indexFromTable(
  { files, packs, rows, side }: RecoveryOptions,
  pack: number,
  length: number,
): Promise<boolean> {
  if (pack === packs.count() - 1) return false
  const records = await readPackTable(files, packs, pack)
  if (!records) return false
  const writer = rowWriter({ rows, packs }, { side, pack }, await readNextNumber(rows))
  let live = 0
  for (const record of records) {
    await writer.add(record)
    live += headerLength(record.ref, record.size) + record.size
  }
  await writer.finish({ synced: length, dead: length - live })
  return true
}

interface PackToIndex {
  readonly pack: number
  readonly length: number
  readonly row: PackRow | undefined
}

async function indexPack(
  options: RecoveryOptions,
  { pack, length, row }: PackToIndex,
): Promise<void> {
  const { packs, rows, side, log } = options
  const isLast = pack === packs.count() - 1
  const writer = rowWriter({ rows, packs }, { side, pack }, await readNextNumber(rows))
  let end = row?.synced ?? 0
  let dead = row?.dead ?? 0
  await packs.withFile(pack, async file => {
    if (!file) return
    // What a killed process wrote may be in the system's memory only; once indexed it counts as durable.
    await file.sync()
    for (const stretch of stretches(end, length, isLast)) {
      for await (const event of scanPack(file, stretch)) {
        if (event.kind === 'blob') await writer.add(event)
        if (event.kind === 'deleted') dead += event.end - event.offset
        if (event.kind !== 'damage') end = event.end
        else
          log.warn('a pack is damaged', {
            pack: packs.fileOf(pack),
            offset: event.offset,
            reason: event.reason,
          })
      }
    }
  })
  // Some of the blobs just counted were cut off with the end; their rows never were.
  if (isLast && options.mayCut && end < length) {
    log.warn('the end of a write that was never acknowledged is cut off', {
      pack: packs.fileOf(pack),
      bytes: length - end,
    })
    await packs.cut(pack, end)
  }
  await writer.finish({ synced: isLast && options.mayCut ? end : length, dead })
}

/**
 * How to walk [from, length): with every payload verified, but where so much is unknown that the index must
 * have been lost, only the end is: a verified walk of all packs would read the whole store.
 */
function stretches(
  from: number,
  length: number,
  isLast: boolean,
): Parameters<typeof scanPack>[1][] {
  if (from > 0 || (isLast && length <= UNINDEXED_VERIFIED_BYTES)) {
    return [{ from, until: length, payloads: 'verify' }]
  }
  return [{ from, until: length, payloads: 'skip' }]
}

/** A record whose place is known; with its bytes when they were verified. */
type FoundBlob = Pick<PackBlob, 'ref' | 'payloadOffset' | 'size'> & {
  readonly bytes?: Uint8Array | undefined
}

interface RowWriter {
  add(event: FoundBlob): Promise<void>
  finish(row: PackRow): Promise<void>
}

/**
 * Of two records of one blob (one of them left by a write that failed, or set aside as damaged and received
 * again) the later one counts, when it is intact, and the other is marked as removed: else a removal of the blob,
 * which knows of one place only, would leave it behind.
 */
function rowWriter(
  { rows, packs }: Pick<RecoveryOptions, 'rows' | 'packs'>,
  place: { side: PackSide; pack: number },
  firstNumber: number,
): RowWriter {
  let number = firstNumber
  let found = new Map<BlobRef, BlobRow>()
  const removed: KeyValueOperation[] = []
  /** Whether a record takes the place of the one that is indexed; then the other is to be marked. */
  const replaces = async (event: FoundBlob, old: BlobRow): Promise<boolean> => {
    const isSame =
      old.side === place.side && old.pack === place.pack && old.offset === event.payloadOffset
    if (isSame) return true
    if (event.bytes === undefined && !(await isIntact(event))) return false
    removed.push(putRemoved({ ...old, ref: event.ref }))
    return true
  }
  const isIntact = async ({ ref, payloadOffset, size }: FoundBlob): Promise<boolean> => {
    const bytes = await packs.read(place.pack, payloadOffset, size)
    return bytes?.length === size && matchesRef(ref, bytes)
  }
  const flush = async (more: readonly KeyValueOperation[]): Promise<void> => {
    const puts = [...found].map(([ref, row]) => {
      return { type: 'put', key: blobKey(ref), value: encodeBlobRow(row) } as const
    })
    found = new Map()
    await rows.batch([...puts, ...removed.splice(0), ...more, putNextNumber(number)])
  }
  return {
    async add(event) {
      const { ref, payloadOffset, size } = event
      const old = found.get(ref) ?? (await findBlobs(rows, [ref]))[0]
      if (old && !(await replaces(event, old))) return
      found.set(ref, { ...place, offset: payloadOffset, size, number: old?.number ?? number++ })
      if (found.size >= ROWS_PER_BATCH) await flush([])
    },
    finish: row => flush([putPackRow(place, row)]),
  }
}
