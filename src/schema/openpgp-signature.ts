import { constants, hash, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { readFirstPacket, readMpi, readNumber } from './openpgp-packet.ts'

/** A detached signature that Perkeep's policy accepts. */
export interface OpenPgpSignature {
  readonly hashName: 'sha1' | 'sha256'
  /** What is hashed behind the signed bytes. */
  readonly trailer: Uint8Array
  /** The first two bytes of the digest. */
  readonly digestStart: number
  /** The RSA number, as written. */
  readonly number: Uint8Array
}

const BASE64_PATTERN = /^[A-Za-z0-9+/]+={0,2}$/
/** Signatures by the largest key that is read fit four times; gpg adds only a few subpackets. */
const TEXT_SIZE_MAX = 8192
const SIGNATURE_TAG = 2
const VERSION = 4
const BINARY_TYPE = 0
const RSA_ALGORITHMS: readonly (number | undefined)[] = [1, 3]
const CREATION_TIME = 2
/** Subpackets that may be marked critical: creation time, expiry (which Perkeep ignores), issuer. */
const KNOWN_SUBPACKETS: readonly number[] = [CREATION_TIME, 3, 16]

/**
 * Reads the text of Perkeep's `camliSig`: base64, then `=` and a checksum. As in Perkeep the checksum
 * may be wrong or missing; the signature itself is what proves the bytes.
 */
export function readOpenPgpSignature(text: string): OpenPgpSignature | undefined {
  if (text.length > TEXT_SIZE_MAX) return undefined
  const base64 = text.slice(0, Math.max(0, text.lastIndexOf('=')))
  if (!BASE64_PATTERN.test(base64)) return undefined
  const packet = readFirstPacket(Buffer.from(base64, 'base64'))
  return packet?.tag === SIGNATURE_TAG ? readBody(packet.body) : undefined
}

/** Whether `key` (RSA) made `signature` over exactly `payload`. */
export async function verifyOpenPgp(
  payload: Uint8Array,
  signature: OpenPgpSignature,
  key: KeyObject,
): Promise<boolean> {
  const signed = Buffer.concat([payload, signature.trailer])
  const digest = hash(signature.hashName, signed, 'buffer')
  const number = paddedToKey(signature.number, key)
  if (!number || digest.readUInt16BE(0) !== signature.digestStart) return false
  const padding = constants.RSA_PKCS1_PADDING
  return new Promise(resolve => {
    verify(signature.hashName, signed, { key, padding }, number, (error, isValid) =>
      resolve(!error && isValid),
    )
  })
}

function readBody(body: Uint8Array): OpenPgpSignature | undefined {
  const hashName = hashNameOf(body[3])
  const hashedSize = readNumber(body, 4, 2)
  if (body[0] !== VERSION || body[1] !== BINARY_TYPE || !RSA_ALGORITHMS.includes(body[2]))
    return undefined
  if (!hashName || hashedSize === undefined) return undefined
  const hashedEnd = 6 + hashedSize
  if (hashedEnd > body.length || !areSubpacketsFine(body.subarray(6, hashedEnd))) return undefined
  const otherSize = readNumber(body, hashedEnd, 2)
  const digestAt = hashedEnd + 2 + (otherSize ?? 0)
  const digestStart = readNumber(body, digestAt, 2)
  const mpi = readMpi(body, digestAt + 2)
  if (digestStart === undefined || mpi?.end !== body.length) return undefined
  return {
    hashName,
    trailer: trailerOf(body.subarray(0, hashedEnd)),
    digestStart,
    number: mpi.value,
  }
}

function hashNameOf(id: number | undefined): 'sha1' | 'sha256' | undefined {
  if (id === 2) return 'sha1'
  return id === 8 ? 'sha256' : undefined
}

function trailerOf(hashed: Uint8Array): Uint8Array {
  const end = Buffer.from([VERSION, 0xff, 0, 0, 0, 0])
  end.writeUInt32BE(hashed.length, 2)
  return Buffer.concat([hashed, end])
}

/** Whole, with a creation time, and nothing critical that is not understood: what Go's OpenPGP asks for. */
function areSubpacketsFine(area: Uint8Array): boolean {
  let hasTime = false
  for (let at = 0; at < area.length;) {
    const head = subpacketHead(area, at)
    if (!head || head.size === 0 || head.at + head.size > area.length) return false
    const first = area[head.at] ?? 0
    const type = first & 0x7f
    if (first >= 0x80 && !KNOWN_SUBPACKETS.includes(type)) return false
    if (type === CREATION_TIME && head.size === 5) hasTime = true
    at = head.at + head.size
  }
  return hasTime
}

function subpacketHead(area: Uint8Array, at: number): { at: number; size: number } | undefined {
  const first = area[at] ?? 0
  if (first < 192) return { at: at + 1, size: first }
  if (first < 255) return { at: at + 2, size: (first - 192) * 256 + (area[at + 1] ?? 0) + 192 }
  const size = readNumber(area, at + 1, 4)
  return size === undefined ? undefined : { at: at + 5, size }
}

/** The number as long as the modulus, as PKCS#1 wants it. */
function paddedToKey(number: Uint8Array, key: KeyObject): Uint8Array | undefined {
  const bits = key.asymmetricKeyType === 'rsa' ? key.asymmetricKeyDetails?.modulusLength : undefined
  const size = Math.ceil((bits ?? 0) / 8)
  if (number.length > size) return undefined
  return Buffer.concat([Buffer.alloc(size - number.length), number])
}
