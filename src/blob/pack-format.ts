import { BLOB_SIZE_MAX } from './limits.ts'
import { type BlobRef, isBlobRef } from './ref.ts'

/**
 * The header of a record in a pack: `[<ref> <decimal size>]`, as Perkeep's diskpacked writes it.
 * The payload follows at once, and the next header behind it. In a deleted record
 * the hash name is overwritten by `x` and the digest by `0`, so that the length stays the same.
 */
export interface PackHeader {
  /** Undefined for a deleted record. */
  readonly ref: BlobRef | undefined
  /** Bytes of the payload. */
  readonly size: number
  /** Bytes of the header itself. */
  readonly length: number
}

/** The longest header: brackets, a sha256 ref, a space, and the eight digits of 16 MiB. */
export const headerBytesMax = 1 + 'sha256-'.length + 64 + 1 + 8 + 1

const headerPattern = /^\[([a-z0-9]+-[0-9a-f]+) (0|[1-9][0-9]{0,7})\]$/
const deletedPattern = /^x+-0+$/
const openingBracket = 0x5b
const closingBracket = 0x5d

export function encodeHeader(ref: BlobRef, size: number): Uint8Array {
  return Buffer.from(`[${ref} ${size}]`, 'latin1')
}

/** What overwrites the header of a record that is removed: of the same length. */
export function encodeDeletedHeader(ref: BlobRef, size: number): Uint8Array {
  const dash = ref.indexOf('-')
  const mark = `${'x'.repeat(dash)}-${'0'.repeat(ref.length - dash - 1)}`
  return Buffer.from(`[${mark} ${size}]`, 'latin1')
}

/**
 * Whether `bytes` are the header of this record, its deleted mark, or what a power cut left of the one being written
 * over the other: bytes of both, or zeros.
 */
export function isHeaderOf(
  { ref, size }: { readonly ref: BlobRef; readonly size: number },
  bytes: Uint8Array,
): boolean {
  const header = encodeHeader(ref, size)
  const mark = encodeDeletedHeader(ref, size)
  const isOurs = bytes.every((byte, at) => byte === header[at] || byte === mark[at] || byte === 0)
  return isOurs && bytes.length === header.length && bytes.some(byte => byte !== 0)
}

/** The header that begins at `position` of `bytes`, or undefined when none does. */
export function parseHeader(bytes: Uint8Array, position = 0): PackHeader | undefined {
  if (bytes[position] !== openingBracket) return undefined
  const window = Buffer.from(
    bytes.buffer,
    bytes.byteOffset + position,
    Math.min(headerBytesMax, bytes.length - position),
  )
  const length = window.indexOf(closingBracket) + 1
  const match = headerPattern.exec(window.toString('latin1', 0, length))
  const [, name, digits] = match ?? []
  if (name === undefined || Number(digits) > BLOB_SIZE_MAX) return undefined
  if (isBlobRef(name)) return { ref: name, size: Number(digits), length }
  return deletedPattern.test(name) ? { ref: undefined, size: Number(digits), length } : undefined
}

/** Bytes of the header of a record. */
export function headerLength(ref: BlobRef, size: number): number {
  return `[${ref} ${size}]`.length
}
