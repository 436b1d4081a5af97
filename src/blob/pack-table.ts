import { hash } from 'node:crypto'

import { type FileLayer, replaceFile } from '../base/files.ts'
import { TABLE_ROWS_MAX } from './limits.ts'
import type { BlobRef } from './ref.ts'

/**
 * The table of a pack, `pack-NNNNN.idx`: its live records sorted by ref, so that a lost index is
 * rebuilt without walking the pack. A cache: whoever finds none, or one that is not right, walks.
 *
 *   magic       8 bytes   `PKTABLE1`; another version has another magic
 *   packLength  6 bytes   length of the pack that it tells of
 *   count       4 bytes   number of rows
 *   rows       43 bytes   each: hash (1 sha1, 2 sha224, 3 sha256), digest padded to 32 bytes with
 *                         zeros, 6 bytes offset of the header, 4 bytes size of the payload
 *   checksum   28 bytes   sha224 of all before
 *
 * All numbers are big-endian.
 *
 * Bound to the pack's length, it is ignored once the pack has grown or was emptied. A removal does
 * not change the length: whoever removes a record must first remove the table and sync its
 * directory, else a power cut could leave the table to bring back what was removed.
 */
export interface TableRow {
  readonly ref: BlobRef
  /** Where the record's header begins. */
  readonly offset: number
  readonly size: number
}

const magic = Buffer.from('PKTABLE1')
const headBytes = magic.length + 6 + 4
const digestBytesMax = 32
const rowBytes = 1 + digestBytesMax + 6 + 4
const checksumBytes = 28
const hashes = [
  ['sha1', 20],
  ['sha224', 28],
  ['sha256', 32],
] as const

/**
 * Writes the table of a pack of `packLength` bytes, whose every byte is synced. Answers false, and
 * writes none, when there are more rows than a table may have.
 */
export async function writeTable(
  files: FileLayer,
  path: string,
  packLength: number,
  rows: Iterable<TableRow> | AsyncIterable<TableRow>,
): Promise<boolean> {
  let encoded = Buffer.alloc(1024 * rowBytes)
  let count = 0
  for await (const row of rows) {
    if (count === TABLE_ROWS_MAX) return false
    if ((count + 1) * rowBytes > encoded.length) {
      encoded = Buffer.concat([encoded, Buffer.alloc(encoded.length)])
    }
    encodeRow(row, encoded.subarray(count * rowBytes, (count + 1) * rowBytes))
    count++
  }
  await replaceFile(files, path, encodeTable(packLength, sorted(encoded, count)))
  return true
}

/**
 * The rows of the table at `path`, in the order of their refs; undefined when there is no table, when
 * it is damaged, of another version, or not of a pack of this length.
 */
export async function readTable(
  files: FileLayer,
  path: string,
  packLength: number,
): Promise<Iterable<TableRow> | undefined> {
  const size = await files.fileSize(path)
  if (size === undefined || size > headBytes + TABLE_ROWS_MAX * rowBytes + checksumBytes) {
    return undefined
  }
  const content = await files.readFile(path)
  if (content === undefined || content.length < headBytes + checksumBytes) return undefined
  const table = Buffer.from(content.buffer, content.byteOffset, content.length)
  const body = table.subarray(0, -checksumBytes)
  const isRight =
    magic.equals(body.subarray(0, magic.length)) &&
    body.readUIntBE(magic.length, 6) === packLength &&
    body.readUInt32BE(magic.length + 6) * rowBytes === body.length - headBytes &&
    hash('sha224', body, 'hex') === table.toString('hex', body.length)
  return isRight ? decodeRows(body.subarray(headBytes)) : undefined
}

function encodeTable(packLength: number, rows: Buffer): Buffer {
  const head = Buffer.alloc(headBytes)
  magic.copy(head)
  head.writeUIntBE(packLength, magic.length, 6)
  head.writeUInt32BE(rows.length / rowBytes, magic.length + 6)
  const body = Buffer.concat([head, rows])
  return Buffer.concat([body, Buffer.from(hash('sha224', body, 'hex'), 'hex')])
}

function encodeRow({ ref, offset, size }: TableRow, into: Buffer): void {
  const dash = ref.indexOf('-')
  into[0] = hashes.findIndex(([name]) => name.length === dash && ref.startsWith(name)) + 1
  into.write(ref.slice(dash + 1), 1, 'hex')
  into.writeUIntBE(offset, 1 + digestBytesMax, 6)
  into.writeUInt32BE(size, 1 + digestBytesMax + 6)
}

function* decodeRows(rows: Buffer): Generator<TableRow> {
  for (let at = 0; at < rows.length; at += rowBytes) {
    const known = hashes[(rows[at] ?? 0) - 1]
    if (known === undefined) continue
    const [name, digestBytes] = known
    yield {
      ref: `${name}-${rows.toString('hex', at + 1, at + 1 + digestBytes)}` as BlobRef,
      offset: rows.readUIntBE(at + 1 + digestBytesMax, 6),
      size: rows.readUInt32BE(at + 1 + digestBytesMax + 6),
    }
  }
}

/** Order of hash, then digest, which is the order of the refs as text. */
function sorted(rows: Buffer, count: number): Buffer {
  // The first bytes as a number decide nearly always, and compare ten times faster.
  const keys = Float64Array.from({ length: count }, (_, i) => rows.readUIntBE(i * rowBytes, 6))
  const compare = (a: number, b: number): number => {
    const difference = (keys[a] ?? 0) - (keys[b] ?? 0)
    if (difference !== 0) return difference
    const [atA, atB] = [a * rowBytes, b * rowBytes]
    return rows.compare(rows, atB, atB + rowBytes, atA, atA + rowBytes)
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort(compare)
  const result = Buffer.alloc(count * rowBytes)
  for (const [i, from] of order.entries()) {
    rows.copy(result, i * rowBytes, from * rowBytes, (from + 1) * rowBytes)
  }
  return result
}
