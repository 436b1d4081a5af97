import { type KeyValue, type KeyValueOperation, prefixRange } from '../base/key-value.ts'
import type { Random } from '../base/random.ts'
import type { BlobRef } from './ref.ts'
import type { SizedRef } from './store.ts'

/**
 * The blob index: a cache of where each blob lies, rebuilt from the packs when it is lost. Rows:
 *
 *     b<ref>            <side><pack> <payload offset> <size> <number>
 *     q<ref>            the same, of a blob that was set aside as damaged
 *     p<side><pack>     <synced length> <dead bytes>
 *     x<side><pack> <payload offset>  <ref> <size>, of a removed blob whose header is still to be overwritten
 *     n                 next dense number
 *     i                 random identity of this index, part of log positions
 *     l                 how often blobs were removed or set aside since it was made
 */

/** The complete diskpacked directories of a store: new schema and data, and a Perkeep store read in place. */
export type PackSide = 'meta' | 'data' | 'legacy'

export interface PackPlace {
  readonly side: PackSide
  readonly pack: number
}

export interface BlobRow extends PackPlace {
  /** Where the payload begins. */
  readonly offset: number
  readonly size: number
  /** A small number that stands for the blob in bitmaps, as long as the blob is here. */
  readonly number: number
}

export interface PackRow {
  /** Up to here every record is synced and indexed: what lies below is never cut off. */
  readonly synced: number
  /** Bytes of records that were removed, headers included. */
  readonly dead: number
}

const sideLetters = { meta: 'm', data: 'd', legacy: 'l' } as const
const sidesByLetter: Readonly<Record<string, PackSide>> = { m: 'meta', d: 'data', l: 'legacy' }

export const blobKey = (ref: BlobRef): string => `b${ref}`
export const quarantineKey = (ref: BlobRef): string => `q${ref}`
const packKey = ({ side, pack }: PackPlace): string =>
  `p${sideLetters[side]}${String(pack).padStart(5, '0')}`

export function encodeBlobRow(row: BlobRow): string {
  return `${sideLetters[row.side]}${row.pack} ${row.offset} ${row.size} ${row.number}`
}

/** Undefined for a value that is no row: then the index is damaged there, and knows no such blob. */
export function decodeBlobRow(value: string): BlobRow | undefined {
  const [, letter = '', pack, offset, size, number] =
    /^([mdl])(\d+) (\d+) (\d+) (\d+)$/.exec(value) ?? []
  const side = sidesByLetter[letter]
  if (side === undefined) return undefined
  return {
    side,
    pack: Number(pack),
    offset: Number(offset),
    size: Number(size),
    number: Number(number),
  }
}

export function isSamePlace(a: BlobRow, b: BlobRow | undefined): boolean {
  return a.side === b?.side && a.pack === b.pack && a.offset === b.offset
}

export function putPackRow(place: PackPlace, row: PackRow): KeyValueOperation {
  return { type: 'put', key: packKey(place), value: `${row.synced} ${row.dead}` }
}

/** What is known of a pack; a pack without a row is not indexed at all. */
export async function readPackRow(rows: KeyValue, place: PackPlace): Promise<PackRow | undefined> {
  const [, synced, dead] = /^(\d+) (\d+)$/.exec((await rows.get(packKey(place))) ?? '') ?? []
  return synced === undefined ? undefined : { synced: Number(synced), dead: Number(dead) }
}

/** One row: cheaper in a loop than a list of one. */
export async function findBlob(rows: KeyValue, ref: BlobRef): Promise<BlobRow | undefined> {
  const value = await rows.get(blobKey(ref))
  return value === undefined ? undefined : decodeBlobRow(value)
}

export async function findBlobs(
  rows: KeyValue,
  refs: readonly BlobRef[],
): Promise<(BlobRow | undefined)[]> {
  const values = await rows.getMany(refs.map(blobKey))
  return values.map(value => (value === undefined ? undefined : decodeBlobRow(value)))
}

export interface IndexedBlob {
  readonly ref: BlobRef
  readonly row: BlobRow
}

/** All rows with a prefix (`b` or `q`), in order of the refs, beginning after `after`. */
export async function* scanBlobRows(
  rows: KeyValue,
  prefix: 'b' | 'q',
  after?: BlobRef,
): AsyncGenerator<IndexedBlob> {
  const range = prefixRange(prefix)
  // A blank sorts before every character of a ref, so this begins right behind `after`.
  const from = after === undefined ? range.from : `${prefix}${after} `
  for await (const [key, value] of rows.scan({ from, until: range.until })) {
    const row = decodeBlobRow(value)
    if (row) yield { ref: key.slice(1) as BlobRef, row }
  }
}

/** The refs and sizes alone: who lists a million blobs takes no row apart that far. */
export async function* scanBlobSizes(
  rows: KeyValue,
  after: BlobRef | undefined,
): AsyncGenerator<SizedRef> {
  const { from, until } = prefixRange('b')
  const begin = after === undefined ? from : `b${after} `
  for await (const [key, value] of rows.scan({ from: begin, until })) {
    const size = Number.parseInt(value.slice(value.indexOf(' ', value.indexOf(' ') + 1) + 1), 10)
    if (!Number.isNaN(size)) yield { ref: key.slice(1) as BlobRef, size }
  }
}

/** Blobs in the order in which they lie in the packs. */
export async function inPackOrder(
  rows: KeyValue,
  blobs: readonly SizedRef[],
): Promise<readonly SizedRef[]> {
  const found = await findBlobs(
    rows,
    blobs.map(({ ref }) => ref),
  )
  return blobs
    .map((blob, at) => ({ blob, row: found[at] }))
    .sort((a, b) => comparePlaces(a.row, b.row))
    .map(({ blob }) => blob)
}

function comparePlaces(a: BlobRow | undefined, b: BlobRow | undefined): number {
  if (!a || !b) return Number(!a) - Number(!b)
  if (a.side !== b.side) return a.side < b.side ? -1 : 1
  return a.pack - b.pack || a.offset - b.offset
}

export async function readNextNumber(rows: KeyValue): Promise<number> {
  return Number((await rows.get('n')) ?? 0)
}

export function putNextNumber(number: number): KeyValueOperation {
  return { type: 'put', key: 'n', value: String(number) }
}

/** The identity of this index, made at the first call. */
export async function readIdentity(rows: KeyValue, random: Random): Promise<string> {
  const known = await rows.get('i')
  if (known !== undefined) return known
  const identity = Buffer.from(random.bytes(8)).toString('hex')
  await rows.batch([{ type: 'put', key: 'i', value: identity }])
  return identity
}

export async function readLosses(rows: KeyValue): Promise<number> {
  return Number((await rows.get('l')) ?? 0)
}

export function putLosses(losses: number): KeyValueOperation {
  return { type: 'put', key: 'l', value: String(losses) }
}

/** How many packs of a side the index knows: one more than the highest number. */
export async function countPacks(rows: KeyValue, side: PackSide): Promise<number> {
  const range = prefixRange(`p${sideLetters[side]}`)
  for await (const [key] of rows.scan({ ...range, reverse: true, limit: 1 })) {
    return Number(key.slice(2)) + 1
  }
  return 0
}

/** A record whose blob was removed. */
export interface RemovedRecord extends PackPlace {
  readonly ref: BlobRef
  /** Where the payload begins. */
  readonly offset: number
  readonly size: number
}

const removedKey = (place: PackPlace & { readonly offset: number }): string =>
  `x${sideLetters[place.side]}${place.pack} ${place.offset}`

export function putRemoved(record: RemovedRecord): KeyValueOperation {
  return { type: 'put', key: removedKey(record), value: `${record.ref} ${record.size}` }
}

export function deleteRemoved(record: RemovedRecord): KeyValueOperation {
  return { type: 'delete', key: removedKey(record) }
}

/** Up to `limit` records whose headers are still to be overwritten, of one pack or of all. */
export async function findRemoved(
  rows: KeyValue,
  limit: number,
  place?: PackPlace,
): Promise<RemovedRecord[]> {
  const found: RemovedRecord[] = []
  const prefix = place ? `x${sideLetters[place.side]}${place.pack} ` : 'x'
  for await (const [key, value] of rows.scan({ ...prefixRange(prefix), limit })) {
    const [, letter = '', pack, offset] = /^x([mdl])(\d+) (\d+)$/.exec(key) ?? []
    const side = sidesByLetter[letter]
    const [ref, size] = value.split(' ')
    if (side === undefined) continue
    found.push({
      side,
      pack: Number(pack),
      offset: Number(offset),
      ref: ref as BlobRef,
      size: Number(size),
    })
  }
  return found
}
