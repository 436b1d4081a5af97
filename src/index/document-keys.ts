import { hash } from 'node:crypto'

import type { BlobRef } from '../blob/ref.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'

/** Fields of the tables of search documents in bytes, whose order is that of what they stand for. */

const HASH_NAMES = ['sha1', 'sha224', 'sha256'] as const

/** The hash function's number, then the digest. */
export function refKey(ref: BlobRef): Uint8Array {
  const dash = ref.indexOf('-')
  const number = HASH_NAMES.indexOf(ref.slice(0, dash) as (typeof HASH_NAMES)[number])
  const key = Buffer.alloc(1 + (ref.length - dash - 1) / 2, number)
  key.write(ref.slice(dash + 1), 1, 'hex')
  return key
}

export function refOfKey(key: Uint8Array): BlobRef {
  const digest = Buffer.from(key.buffer, key.byteOffset + 1, key.length - 1).toString('hex')
  return `${HASH_NAMES[key[0] ?? 0] ?? ''}-${digest}` as BlobRef
}

/** 9 bytes, big-endian: any time that a claim can have, in nanoseconds. */
export function timeKey(time: Nanoseconds): Uint8Array {
  const key = Buffer.alloc(9)
  const shifted = time + TIME_OFFSET
  key.writeUInt8(Number(shifted >> 64n), 0)
  key.writeBigUInt64BE(shifted & 0xffff_ffff_ffff_ffffn, 1)
  return key
}

export function timeOfKey(key: Uint8Array): Nanoseconds {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length)
  return (BigInt(bytes.readUInt8(0)) << 64n) + bytes.readBigUInt64BE(1) - TIME_OFFSET
}

/** Keeps times before 1970 positive. */
const TIME_OFFSET = 100_000_000_000_000_000_000n

/** 12 bytes of a digest of both: so few that none of them meet by chance. */
export function valueKey(attribute: string, value: string): Uint8Array {
  return hash('sha224', JSON.stringify([attribute, value]), 'buffer').subarray(0, 12)
}

/** What no claim can say is said of the attribute without a name. */
export function flagKey(flag: 'untagged'): Uint8Array {
  return valueKey('', flag)
}

/** Of a media type, or of the part of it before the slash, and that. */
export function mediaKey(media: string): Uint8Array {
  return valueKey('', `media ${media}`)
}

/** A media type as values that documents have. */
export function mediaKeys(mediaType: string): readonly Uint8Array[] {
  const kind = mediaType.slice(0, mediaType.indexOf('/') + 1)
  return kind === '' || kind === mediaType
    ? [mediaKey(mediaType)]
    : [mediaKey(mediaType), mediaKey(kind)]
}
