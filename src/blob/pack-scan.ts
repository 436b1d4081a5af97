import type { OpenFile } from '../base/files.ts'
import {
  BLOB_SIZE_MAX,
  SCAN_SEARCH_BYTES_MAX,
  SCAN_SMALL_CANDIDATE_BYTES,
  SCAN_SMALL_PAYLOAD_BYTES,
} from './limits.ts'
import { type PackHeader, headerBytesMax, parseHeader } from './pack-format.ts'
import { type PackReader, openPackReader } from './pack-reader.ts'
import { type BlobHeader, isBlobHeader, neighbouringHeaders, trueHeader } from './pack-repair.ts'
import { type BlobRef, matchesRef } from './ref.ts'

/**
 * Walks the records of a pack, whatever state it is in.
 *
 * 1. A record is taken when its payload hashes right, or, where payloads are skipped, when something
 *    that looks like a header (or the end) follows it. What lies inside a record that was taken is
 *    never looked at: text in a payload that looks like a header is content.
 * 2. Where neither holds there is damage. If one flipped bit explains it, the record is taken under
 *    its true name. If not, but a header follows where it says, that record alone is lost. Else its
 *    length cannot be believed, and the next record is searched for, byte by byte.
 * 3. A search takes only what hashes right: it may begin in the middle of somebody's content.
 */
export type PackEvent = PackBlob | PackDeleted | PackDamage

export interface PackBlob {
  readonly kind: 'blob'
  readonly ref: BlobRef
  readonly size: number
  /** Where the header begins. */
  readonly offset: number
  /** Where the payload begins. */
  readonly payloadOffset: number
  /** Where the next record begins. */
  readonly end: number
  /** The payload, valid until the next event is asked for; undefined where payloads are skipped. */
  readonly bytes: Uint8Array | undefined
}

interface PackDeleted {
  readonly kind: 'deleted'
  readonly size: number
  readonly offset: number
  readonly end: number
}

export interface PackDamage {
  readonly kind: 'damage'
  /**
   * - `header`: no header where one should be, or a wrong one; with `ref` the blob itself is intact,
   *   and the event that follows is it;
   * - `payload`: bytes that are not what the header says; whose `ref` is what it names;
   * - `truncated`: a record that ends behind the end of the file.
   */
  readonly reason: 'header' | 'payload' | 'truncated'
  readonly ref: BlobRef | undefined
  readonly offset: number
  /** Where the walk goes on. */
  readonly end: number
}

export interface ScanOptions {
  /** A place where a record begins; the start of the pack unless given. */
  readonly from?: number | undefined
  /** Where the walk ends: the length of the file unless given. */
  readonly until?: number | undefined
  /**
   * `verify` reads and hashes everything. `skip` reads headers only, and those payloads that are
   * needed to tell damage.
   */
  readonly payloads: 'verify' | 'skip'
  /** `stop` ends at the first damage, whose event then reaches to the end; else it is passed. */
  readonly onDamage?: 'pass' | 'stop' | undefined
}

export async function* scanPack(file: OpenFile, options: ScanOptions): AsyncGenerator<PackEvent> {
  const length = Math.min(await file.size(), options.until ?? Infinity)
  const reader = openPackReader(file, length, options.payloads === 'verify')
  const walk: Walk = { reader, verifyAll: options.payloads === 'verify' }
  try {
    let position = options.from ?? 0
    while (position < length) {
      const record = await recordAt(walk, position)
      if (record !== undefined) {
        yield record
        position = record.end
      } else if (options.onDamage === 'stop') {
        yield await damageAt(walk, position, length)
        return
      } else {
        position = yield* passDamage(walk, position)
      }
    }
  } finally {
    // The file may be closed as soon as the walk is over.
    await reader.settle()
  }
}

interface Walk {
  readonly reader: PackReader
  readonly verifyAll: boolean
}

async function headerAt({ reader }: Walk, position: number): Promise<PackHeader | undefined> {
  return parseHeader(
    reader.peek(position, headerBytesMax) ?? (await reader.load(position, headerBytesMax)),
  )
}

async function payloadAt(
  { reader }: Walk,
  position: number,
  header: PackHeader,
): Promise<Uint8Array | undefined> {
  const length = header.length + header.size
  if (position + length > reader.length) return undefined
  // With the header, so that a search that goes on behind it finds its bytes still in the buffer.
  const record = reader.peek(position, length) ?? (await reader.load(position, length))
  return record.subarray(header.length)
}

/** The record at `position` if it can be believed. */
async function recordAt(walk: Walk, position: number): Promise<PackBlob | PackDeleted | undefined> {
  const header = await headerAt(walk, position)
  if (header === undefined) return undefined
  const end = position + header.length + header.size
  if (end > walk.reader.length) return undefined
  if (isBlobHeader(header)) return blobAt(walk, position, header)
  const isBelieved = await isDeletedLengthTrue(walk, position + header.length, end)
  return isBelieved ? { kind: 'deleted', size: header.size, offset: position, end } : undefined
}

async function blobAt(
  walk: Walk,
  position: number,
  header: BlobHeader,
): Promise<PackBlob | undefined> {
  const isHashed = walk.verifyAll || header.size <= SCAN_SMALL_PAYLOAD_BYTES
  if (!isHashed && (await isPlausibleAt(walk, position + header.length + header.size))) {
    return blobEvent(position, header, undefined)
  }
  const bytes = await payloadAt(walk, position, header)
  if (bytes === undefined || !matchesRef(header.ref, bytes)) return undefined
  return blobEvent(position, header, walk.verifyAll ? bytes : undefined)
}

function blobEvent(position: number, header: BlobHeader, bytes: Uint8Array | undefined): PackBlob {
  const payloadOffset = position + header.length
  const { ref, size } = header
  return {
    kind: 'blob',
    ref,
    size,
    offset: position,
    payloadOffset,
    end: payloadOffset + size,
    bytes,
  }
}

/** Whether a record can begin at `position`, or the pack end there. */
async function isPlausibleAt(walk: Walk, position: number): Promise<boolean> {
  const { length } = walk.reader
  if (position >= length) return position === length
  const header = await headerAt(walk, position)
  return header !== undefined && position + header.length + header.size <= length
}

/**
 * A deleted record has no hash that could prove its length: if no header follows it, its length is
 * wrong when a record is found inside, else what follows is damaged.
 */
async function isDeletedLengthTrue(walk: Walk, from: number, end: number): Promise<boolean> {
  return (await isPlausibleAt(walk, end)) || (await findBlob(walk, from, end)) === undefined
}

/** Yields the damage at `position` and what it does not concern; answers where the walk goes on. */
async function* passDamage(walk: Walk, position: number): AsyncGenerator<PackEvent, number> {
  const repaired = await repairedBlob(walk, position)
  if (repaired !== undefined) {
    const { ref, end } = repaired
    yield { kind: 'damage', reason: 'header', ref, offset: position, end }
    yield repaired
    return end
  }
  const header = await headerAt(walk, position)
  const claimedEnd = position + (header === undefined ? 0 : header.length + header.size)
  if (isBlobHeader(header) && (await isPlausibleAt(walk, claimedEnd))) {
    yield await damageAt(walk, position, claimedEnd)
    yield* blobsInside(walk, position + 1, claimedEnd)
    return claimedEnd
  }
  const next = await findBlob(walk, position + 1, walk.reader.length)
  const end = next?.offset ?? walk.reader.length
  yield await damageAt(walk, position, end)
  return end
}

/**
 * Records that hash right inside a damaged one: should its length be wrong after all, and end by
 * chance where another record begins, they are those it would swallow. They end before it does, so
 * that nothing made up in its content can hide what follows.
 */
async function* blobsInside(walk: Walk, from: number, until: number): AsyncGenerator<PackBlob> {
  let position = from
  for (;;) {
    const blob = await findBlob(walk, position, until, until)
    if (blob === undefined) return
    yield blob
    position = blob.end
  }
}

async function damageAt(walk: Walk, offset: number, end: number): Promise<PackDamage> {
  const header = await headerAt(walk, offset)
  const reason = reasonOf(walk, offset, header)
  return { kind: 'damage', reason, ref: header?.ref, offset, end }
}

function reasonOf(
  walk: Walk,
  offset: number,
  header: PackHeader | undefined,
): PackDamage['reason'] {
  if (!isBlobHeader(header)) return 'header'
  const isWhole = offset + header.length + header.size <= walk.reader.length
  return isWhole ? 'payload' : 'truncated'
}

async function repairedBlob(walk: Walk, position: number): Promise<PackBlob | undefined> {
  const bytes = await walk.reader.load(position, headerBytesMax)
  const header = await trueHeader(neighbouringHeaders(bytes), candidate =>
    payloadAt(walk, position, candidate),
  )
  if (header === undefined) return undefined
  const payload = walk.verifyAll ? await payloadAt(walk, position, header) : undefined
  return blobEvent(position, header, payload)
}

/** The first record that begins in [from, until), ends by `endMax` and whose payload hashes right. */
async function findBlob(
  walk: Walk,
  from: number,
  until: number,
  endMax = walk.reader.length,
): Promise<PackBlob | undefined> {
  let hashed = 0
  for (let position = await nextBracket(walk, from, until); position !== undefined;) {
    const header = await headerAt(walk, position)
    if (isBlobHeader(header) && position + header.length + header.size <= endMax) {
      const isAffordable =
        hashed < SCAN_SEARCH_BYTES_MAX ||
        header.size <= SCAN_SMALL_CANDIDATE_BYTES ||
        position > from + BLOB_SIZE_MAX
      const bytes = isAffordable ? await payloadAt(walk, position, header) : undefined
      hashed += bytes?.length ?? 0
      if (bytes !== undefined && matchesRef(header.ref, bytes)) {
        return blobEvent(position, header, walk.verifyAll ? bytes : undefined)
      }
    }
    position = await nextBracket(walk, position + 1, until)
  }
  return undefined
}

const mark = Buffer.from('[sha')
const searchStep = 64 * 1024

/** Where the next text that can begin a header lies in [from, until). */
async function nextBracket(walk: Walk, from: number, until: number): Promise<number | undefined> {
  for (let position = from; position < until; position += searchStep - mark.length + 1) {
    const wanted = Math.min(searchStep, until - position)
    const bytes = walk.reader.peek(position, wanted) ?? (await walk.reader.load(position, wanted))
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(mark)
    if (found >= 0) return position + found
  }
  return undefined
}
