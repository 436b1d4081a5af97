import { isPeerkeepError } from '../base/errors.ts'
import {
  type DamageKind,
  type DamagePlace,
  type StoreDamage,
  describeDamage,
} from './check-damage.ts'
import type { CheckedIndex, CheckedPack, CheckedPacks, CheckedRow } from './check-source.ts'
import { CHECK_PENDING_MAX, CHECK_ROWS_PER_LOOKUP } from './limits.ts'
import { encodeHeader } from './pack-format.ts'
import { type PackBlob, type PackDamage, scanPack } from './pack-scan.ts'
import { type BlobRef, matchesRef } from './ref.ts'

/**
 * Holds packs and index against each other. It never repairs, and the store may be in use meanwhile:
 * whatever looks wrong is looked at again before it is told.
 *
 * First every pack is walked up to its synced length, and the blobs that lie where the index says
 * are ticked off by their number. Then every row that was not ticked off is read where it points:
 * so the index names what is lost with a pack. What then remains of the damage met is told last.
 */
export interface CheckOptions {
  readonly directories: readonly { readonly side: string; readonly packs: CheckedPacks }[]
  readonly index: CheckedIndex
  /** Read and hash every byte; else headers and lengths only. */
  readonly readData: boolean
  readonly onProgress?: ((progress: CheckProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

interface CheckProgress {
  readonly bytes: number
  readonly bytesTotal: number
  readonly blobs: number
}

interface Check extends CheckOptions {
  /** A bit for each number of a blob that was found in its place. */
  ticked: Uint8Array
  /** Damage met that no row has named yet. */
  readonly unnamed: Map<string, DamagePlace & PackDamage>
  /** Records whose row was missing when they were met. */
  readonly orphans: (DamagePlace & { readonly blob: PackBlob })[]
  bytes: number
  bytesTotal: number
  blobs: number
}

export async function* checkStore(options: CheckOptions): AsyncGenerator<StoreDamage> {
  const check: Check = {
    ...options,
    ticked: new Uint8Array(1024),
    unnamed: new Map(),
    orphans: [],
    bytes: 0,
    bytesTotal: await totalLength(options),
    blobs: 0,
  }
  for (const { side, packs } of check.directories) {
    for (let pack = 0; pack < packs.count(); pack++) yield* checkPack(check, { side, packs, pack })
  }
  yield* checkRows(check)
  yield* checkOrphans(check)
  for (const { side, packs, pack, reason, ref, offset } of check.unnamed.values()) {
    yield describeDamage({ side, packs, pack, offset }, reason, ref)
  }
}

async function totalLength({ directories }: CheckOptions): Promise<number> {
  let total = 0
  for (const { packs } of directories) {
    for (let pack = 0; pack < packs.count(); pack++) total += (await packs.length(pack)) ?? 0
  }
  return total
}

async function* checkPack(check: Check, place: CheckedPack): AsyncGenerator<StoreDamage> {
  const { side, packs, pack } = place
  // First the row: what is synced after it was read only makes the file longer.
  const known = await check.index.syncedLength(side, pack)
  const length = await packs.length(pack)
  if (length === undefined) {
    yield describeDamage({ ...place, offset: 0 }, 'missing-pack')
    return
  }
  const synced = known ?? length
  if (length < synced && (await isStillShort(check, place, length))) {
    yield describeDamage({ ...place, offset: length }, 'truncated-pack')
  }
  try {
    await walkPack(check, place, Math.min(length, synced))
  } catch (error) {
    // A compaction emptied the pack meanwhile: its rows say where the blobs are now.
    if (!isPeerkeepError(error, 'STORE_DAMAGED')) throw error
  }
}

async function isStillShort(check: Check, place: CheckedPack, length: number): Promise<boolean> {
  const synced = await check.index.syncedLength(place.side, place.pack)
  return synced !== undefined && length < synced
}

async function walkPack(check: Check, place: CheckedPack, until: number): Promise<void> {
  const payloads = check.readData ? 'verify' : 'skip'
  let pending: PackBlob[] = []
  const before = check.bytes
  const flush = async (): Promise<void> => {
    const blobs = pending
    pending = []
    await tickOff(check, place, blobs)
    check.onProgress?.(check)
  }
  const file = await place.packs.openForReading(place.pack)
  if (file === undefined) return
  try {
    for await (const event of scanPack(file, { until, payloads })) {
      check.signal?.throwIfAborted()
      check.bytes = before + event.end
      if (event.kind === 'damage') noteDamage(check, place, event)
      // Without the bytes, which are gone at the next event.
      if (event.kind === 'blob') pending.push({ ...event, bytes: undefined })
      if (pending.length >= CHECK_ROWS_PER_LOOKUP) await flush()
    }
  } finally {
    await file.close()
  }
  await flush()
}

function noteDamage(check: Check, place: CheckedPack, damage: PackDamage): void {
  // Beyond the limit the rows still name every blob that the index knows of.
  if (check.unnamed.size < CHECK_PENDING_MAX) {
    check.unnamed.set(keyOf(place, damage.offset), { ...place, ...damage })
  }
}

const keyOf = ({ side, pack }: CheckedPack, offset: number): string => `${side}${pack} ${offset}`

async function tickOff(
  check: Check,
  place: CheckedPack,
  blobs: readonly PackBlob[],
): Promise<void> {
  const rows = await check.index.blobs(blobs.map(({ ref }) => ref))
  check.blobs += blobs.length
  for (const [i, blob] of blobs.entries()) {
    const row = rows[i]
    if (row === undefined) noteOrphan(check, place, blob)
    else if (isAt(row, place) && row.offset === blob.payloadOffset && row.size === blob.size) {
      tick(check, row.number)
    }
  }
}

function noteOrphan(check: Check, place: CheckedPack, blob: PackBlob): void {
  if (check.orphans.length < CHECK_PENDING_MAX) {
    check.orphans.push({ ...place, offset: blob.offset, blob })
  }
}

function isAt(row: CheckedRow, place: CheckedPack): boolean {
  return row.side === place.side && row.pack === place.pack
}

function tick(check: Check, number: number): void {
  const index = number >>> 3
  if (index >= check.ticked.length) {
    const larger = new Uint8Array((index + 1) * 2)
    larger.set(check.ticked)
    check.ticked = larger
  }
  check.ticked[index] = (check.ticked[index] ?? 0) | (1 << (number & 7))
}

function isTicked(ticked: Uint8Array, number: number): boolean {
  return ((ticked[number >>> 3] ?? 0) & (1 << (number & 7))) !== 0
}

async function* checkRows(check: Check): AsyncGenerator<StoreDamage> {
  for await (const [ref, row] of check.index.enumerate()) {
    check.signal?.throwIfAborted()
    if (!isTicked(check.ticked, row.number)) yield* checkRow(check, ref)
  }
  for await (const [ref, row] of check.index.enumerateQuarantined()) {
    const [back] = await check.index.blobs([ref])
    const told = tellOf(check, { ref, row }, 'quarantined')
    if (back === undefined && told !== undefined) yield told
  }
}

/** Reads a blob where its row, as it is now, points; it may have been removed or moved meanwhile. */
async function* checkRow(check: Check, ref: BlobRef): AsyncGenerator<StoreDamage> {
  const [row] = await check.index.blobs([ref])
  if (row === undefined) return
  const kind = await wrongAt(check, ref, row)
  const [now] = kind === undefined ? [] : await check.index.blobs([ref])
  if (kind === undefined || now?.pack !== row.pack || now.offset !== row.offset) return
  const told = tellOf(check, { ref, row }, kind)
  if (told !== undefined) yield told
}

function tellOf(
  check: Check,
  { ref, row }: { ref: BlobRef; row: Omit<CheckedRow, 'number'> },
  kind: DamageKind,
): StoreDamage | undefined {
  const packs = check.directories.find(({ side }) => side === row.side)?.packs
  if (packs === undefined) return undefined
  const offset = row.offset - encodeHeader(ref, row.size).length
  const place = { side: row.side, packs, pack: row.pack, offset }
  const met = check.unnamed.get(keyOf(place, offset))
  // A flipped header whose blob is known by its content is that blob's, whatever a row calls it.
  const isOther = met?.reason === 'header' && met.ref !== undefined && met.ref !== ref
  if (!isOther) check.unnamed.delete(keyOf(place, offset))
  return describeDamage(place, kind, ref)
}

async function wrongAt(
  check: Check,
  ref: BlobRef,
  row: CheckedRow,
): Promise<DamageKind | undefined> {
  const packs = check.directories.find(({ side }) => side === row.side)?.packs
  const header = Buffer.from(encodeHeader(ref, row.size))
  const length = check.readData ? header.length + row.size : header.length
  const record = await readAt(packs, row.pack, { offset: row.offset - header.length, length })
  if (record === undefined) return 'missing-pack'
  const isWhole = row.offset + row.size <= ((await packs?.length(row.pack)) ?? 0)
  if (!isWhole || record.length < length) return 'truncated'
  if (!header.equals(record.subarray(0, header.length))) return 'row-without-record'
  return check.readData && !matchesRef(ref, record.subarray(header.length)) ? 'payload' : undefined
}

/** A record without a row may have been removed, or its blob added again, since it was met. */
async function* checkOrphans(check: Check): AsyncGenerator<StoreDamage> {
  for (const { blob, ...place } of check.orphans) {
    const [row] = await check.index.blobs([blob.ref])
    const header = Buffer.from(encodeHeader(blob.ref, blob.size))
    const now = await readAt(place.packs, place.pack, {
      offset: blob.offset,
      length: header.length,
    })
    if (row === undefined && now !== undefined && header.equals(now)) {
      yield describeDamage(place, 'record-without-row', blob.ref)
    }
  }
}

async function readAt(
  packs: CheckedPacks | undefined,
  pack: number,
  { offset, length }: { offset: number; length: number },
): Promise<Uint8Array | undefined> {
  const file = await packs?.openForReading(pack)
  if (file === undefined) return undefined
  try {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, await file.read(bytes, offset))
  } finally {
    await file.close()
  }
}
