import { createPublicKey, hash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { ARMOR_BEGIN, unarmor, writeArmor } from './openpgp-armor.ts'
import { readFirstPacket, readMpi, readNumber, writePacket } from './openpgp-packet.ts'
import type { KeyId } from './signer.ts'
import { SSH_ED25519, sshPublicKey } from './ssh-wire.ts'

/** A public key as read from its blob. */
export interface VerifyKey {
  readonly keyId: KeyId
  /** For node:crypto: an ed25519 or an RSA public key. */
  readonly verifyKey: KeyObject
  /** The 32 bytes of an ed25519 key; undefined for Perkeep's RSA keys. */
  readonly publicKey?: Uint8Array | undefined
}

const ED25519_SIZE = 32
const ED25519_PREFIX = `${SSH_ED25519} `
const ED25519_BLOB_SIZE = ED25519_PREFIX.length + 68 + 1

/** Perkeep's reading limit for key blobs, in bytes. */
export const KEY_BLOB_MAX = 256 * 1024
const PUBLIC_KEY_TAG = 6
const KEY_VERSION = 4
/** RSA for everything, and RSA for signing only. */
const RSA_ALGORITHMS: readonly (number | undefined)[] = [1, 3]
/** Shorter keys can be broken; longer ones only make others compute. */
const RSA_BYTES_MIN = 128
const RSA_BYTES_MAX = 1024
/** As in Go's OpenPGP: larger exponents make others compute too. */
const RSA_EXPONENT_MAX = 3

/** The blob of an ed25519 public key, as `ssh-keygen` writes it but without a comment. */
export function ed25519KeyBlob(publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== ED25519_SIZE)
    throw new TypeError(`an ed25519 key has ${ED25519_SIZE} bytes`)
  return Buffer.from(
    `${ED25519_PREFIX}${Buffer.from(sshPublicKey(publicKey)).toString('base64')}\n`,
  )
}

/** The identity of an ed25519 key. */
export function ed25519KeyId(publicKey: Uint8Array): KeyId {
  return `ed25519-${Buffer.from(publicKey).toString('hex')}` as KeyId
}

/** Whether bytes look like a key blob; cheap, `readKeyBlob` decides. */
export function isKeyBlob(bytes: Uint8Array): boolean {
  if (bytes.length > KEY_BLOB_MAX) return false
  const start = Buffer.from(bytes.subarray(0, ARMOR_BEGIN.length)).toString('latin1')
  return (
    start === ARMOR_BEGIN ||
    (bytes.length === ED25519_BLOB_SIZE && start.startsWith(ED25519_PREFIX))
  )
}

/** Reads a key blob: our ed25519 form in its one encoding, or Perkeep's armored RSA key; else undefined. */
export function readKeyBlob(bytes: Uint8Array): VerifyKey | undefined {
  if (!isKeyBlob(bytes)) return undefined
  const text = Buffer.from(bytes).toString('latin1')
  return text.startsWith(ED25519_PREFIX) ? readEd25519(text, bytes) : readOpenPgp(text)
}

/**
 * The blob under which a key's claims name it: one key has one, whatever came with it. An OpenPGP key gets armor
 * around its bare packet, as Perkeep writes it, without the user ids and signatures that `gpg --export` adds.
 * Undefined where `readKeyBlob` reads no key.
 */
export function canonicalKeyBlob(bytes: Uint8Array): Uint8Array | undefined {
  const key = readKeyBlob(bytes)
  if (!key || key.publicKey) return key && bytes
  const packet = readFirstPacket(unarmor(Buffer.from(bytes).toString('latin1')))
  return packet && writeArmor(writePacket(packet))
}

function readEd25519(text: string, bytes: Uint8Array): VerifyKey | undefined {
  const wire = Buffer.from(text.slice(ED25519_PREFIX.length), 'base64')
  const publicKey = new Uint8Array(wire.subarray(-ED25519_SIZE))
  if (
    publicKey.length !== ED25519_SIZE ||
    !ed25519KeyBlob(publicKey).every((byte, i) => byte === bytes[i])
  ) {
    return undefined
  }
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') }
  return {
    keyId: ed25519KeyId(publicKey),
    verifyKey: createPublicKey({ key: jwk, format: 'jwk' }),
    publicKey,
  }
}

function readOpenPgp(text: string): VerifyKey | undefined {
  const packet = readFirstPacket(unarmor(text))
  if (packet?.tag !== PUBLIC_KEY_TAG) return undefined
  const { body } = packet
  if (body[0] !== KEY_VERSION || !RSA_ALGORITHMS.includes(body[5])) return undefined
  const modulus = readMpi(body, 6)
  const exponent = modulus && readMpi(body, modulus.end)
  if (!exponent || exponent.end !== body.length) return undefined
  const verifyKey = rsaKey(modulus.value, exponent.value)
  return verifyKey && { keyId: openPgpKeyId(body), verifyKey }
}

function rsaKey(modulus: Uint8Array, exponent: Uint8Array): KeyObject | undefined {
  const isSized =
    modulus.length >= RSA_BYTES_MIN && modulus.length <= RSA_BYTES_MAX && modulus[0] !== 0
  if (!isSized || exponent.length > RSA_EXPONENT_MAX) return undefined
  const power = readNumber(exponent, 0, exponent.length) ?? 0
  // With an exponent of 1 anyone signs; even numbers are no modulus and no exponent.
  if (power < 3 || (power & (modulus.at(-1) ?? 0) & 1) === 0) return undefined
  const [n, e] = [modulus, exponent].map(number => Buffer.from(number).toString('base64url'))
  return createPublicKey({ key: { kty: 'RSA', n: n ?? '', e: e ?? '' }, format: 'jwk' })
}

/** The version 4 fingerprint (RFC 4880, section 12.2). */
function openPgpKeyId(body: Uint8Array): KeyId {
  const head = Buffer.from([0x99, body.length >> 8, body.length & 0xff])
  return `openpgp-${hash('sha1', Buffer.concat([head, body]), 'hex')}` as KeyId
}
