import { hash, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { PeerkeepError } from '../base/errors.ts'
import { isBlobRef, matchesRef } from '../blob/ref.ts'
import type { BlobRef } from '../blob/ref.ts'
import { scanJson } from './json-guard.ts'
import { readKeyBlob } from './key-blob.ts'
import type { VerifyKey } from './key-blob.ts'
import { KEY_CACHE_MAX, SCHEMA_SIZE_MAX } from './limits.ts'
import { readOpenPgpSignature, verifyOpenPgp } from './openpgp-signature.ts'
import type { ClaimSchema, FactsSchema, PermanodeSchema } from './schema-blob.ts'
import type { KeyId, Signer } from './signer.ts'
import { readSshSignature, sshSignedBytes } from './sshsig.ts'
import { writeSchema } from './write-schema.ts'

/** The schema that is signed. */
export type SignedSchema = PermanodeSchema | ClaimSchema | FactsSchema

/** A signed blob taken apart, not yet verified. */
export interface SignedParts {
  /** Exactly the signed bytes. */
  readonly payload: Uint8Array
  /** The blob of the signer's key, as the payload names it. */
  readonly signer: BlobRef
  /** The text of `camliSig`. */
  readonly signature: string
}

const SEPARATOR = ',"camliSig":"'
/**
 * What may follow the separator: base64, the closing brace, white space. Perkeep would also read
 * base64 behind JSON escapes, or a second key of the same name; nobody writes them.
 */
const TAIL_PATTERN = /^([A-Za-z0-9+/=]+)"[ \t\r\n]*\}[ \t\r\n]*$/

/** The bytes of a signed blob. `blob.signer` must be the signer's key. */
export function signSchema(blob: SignedSchema, signer: Signer): Uint8Array {
  if (blob.signer !== signer.keyRef)
    throw new TypeError(`the blob names ${blob.signer} as its signer, not ${signer.keyRef}`)
  const signed = signPayload(writeSchema(blob).subarray(0, -1), signer)
  if (signed.length > SCHEMA_SIZE_MAX) {
    throw new PeerkeepError(
      'BLOB_TOO_LARGE',
      `A ${blob.type} of ${signed.length} bytes is over the limit of ${SCHEMA_SIZE_MAX}.`,
    )
  }
  return signed
}

/**
 * Signs JSON as somebody else wrote it, to the byte: what is signed is the text without white space at its end and
 * without its last brace. Whether it makes sense is not asked here.
 */
export function signText(text: string, signer: Signer): Uint8Array {
  const trimmed = text.replace(/[ \t\r\n]+$/, '')
  if (!trimmed.endsWith('}')) throw badClaim('what should be signed does not end in }')
  return signPayload(Buffer.from(trimmed.slice(0, -1)), signer)
}

function signPayload(payload: Uint8Array, signer: Signer): Uint8Array {
  return Buffer.concat([payload, Buffer.from(`${SEPARATOR}${signer.sign(payload)}"}\n`)])
}

/**
 * Takes a signed blob apart; undefined when it does not have the form of one. `schema` is what `parseSchema` made of
 * these bytes: then they need not be parsed again. (The signature is the last key, and each key stands once, so what is
 * before it is an object as well as the whole is.)
 */
export function splitSigned(bytes: Uint8Array, schema?: SignedSchema): SignedParts | undefined {
  if (bytes.length > SCHEMA_SIZE_MAX) return undefined
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = buffer.lastIndexOf(SEPARATOR)
  if (end === -1) return undefined
  const signature = TAIL_PATTERN.exec(buffer.toString('latin1', end + SEPARATOR.length))?.[1]
  const payload = bytes.subarray(0, end)
  const signer = signature === undefined ? undefined : (schema?.signer ?? signerOf(payload))
  return signature === undefined || !signer ? undefined : { payload, signer, signature }
}

/**
 * Verifies a signed blob with the blob of its signer's key; resolves to that key's identity.
 * Rejects with `BAD_CLAIM`. Whether the key belongs to anyone is not asked here.
 */
export async function verifySigned(parts: SignedParts, keyBlob: Uint8Array): Promise<KeyId> {
  const key = keyOf(parts.signer, keyBlob)
  if (!(await isSignatureOf(parts, key))) {
    throw badClaim(`its signature is not one by the key ${parts.signer}`)
  }
  return key.keyId
}

/**
 * The same at once, by an ed25519 key alone: where a thread's turn would make a difference. Throws `BAD_CLAIM`.
 */
export function verifySignedNow(parts: SignedParts, keyBlob: Uint8Array): KeyId {
  const key = keyOf(parts.signer, keyBlob)
  const read = readSshSignature(parts.signature)
  const isRight =
    key.publicKey !== undefined &&
    read !== undefined &&
    Buffer.compare(read.publicKey, key.publicKey) === 0 &&
    verify(undefined, sshSignedBytes(parts.payload), key.verifyKey, read.signature)
  if (isRight) return key.keyId
  throw badClaim(`its signature is not one by the key ${parts.signer}`)
}

/** Holds a signed blob against its signer's key, as `verifySigned` does, or in another way that answers the same. */
export type Verify = typeof verifySigned

/** The identity of a claim: its signed bytes and its signer, whatever stands around them in a blob. */
export function claimIdOf(payload: Uint8Array, keyId: KeyId): string {
  return hash('sha224', Buffer.concat([Buffer.from(keyId), payload]), 'hex')
}

function signerOf(payload: Uint8Array): BlobRef | undefined {
  const text = `${Buffer.from(payload).toString()}}`
  const { isShallow, hasTwinKeys } = scanJson(text)
  if (!isShallow || hasTwinKeys) return undefined
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, 'camliVersion'))
      return undefined
    return 'camliSigner' in fields && isBlobRef(fields.camliSigner) ? fields.camliSigner : undefined
  } catch {
    return undefined
  }
}

/** Keys by their refs: reading one costs as much as verifying with it. */
const keys = new Map<BlobRef, VerifyKey>()

function keyOf(ref: BlobRef, keyBlob: Uint8Array): VerifyKey {
  const known = keys.get(ref)
  if (known) return known
  if (!matchesRef(ref, keyBlob)) throw badClaim(`the bytes given as its key are not ${ref}`)
  const key = readKeyBlob(keyBlob)
  if (!key) throw badClaim(`the blob ${ref} that it names as its signer is not a public key`)
  const oldest = keys.size >= KEY_CACHE_MAX ? keys.keys().next().value : undefined
  if (oldest !== undefined) keys.delete(oldest)
  keys.set(ref, key)
  return key
}

async function isSignatureOf(parts: SignedParts, key: VerifyKey): Promise<boolean> {
  if (key.publicKey) return isSshSignatureOf(parts, key.verifyKey, key.publicKey)
  const signature = readOpenPgpSignature(parts.signature)
  return signature !== undefined && verifyOpenPgp(parts.payload, signature, key.verifyKey)
}

async function isSshSignatureOf(
  parts: SignedParts,
  key: KeyObject,
  publicKey: Uint8Array,
): Promise<boolean> {
  const read = readSshSignature(parts.signature)
  if (!read || Buffer.compare(read.publicKey, publicKey) !== 0) return false
  const message = sshSignedBytes(parts.payload)
  return new Promise(resolve => {
    // With a callback the work is done on the thread pool. An ed25519 signature names no digest.
    verify(undefined, message, key, read.signature, (error, isValid) => resolve(!error && isValid))
  })
}

function badClaim(reason: string): PeerkeepError {
  return new PeerkeepError('BAD_CLAIM', `A signed blob cannot be trusted: ${reason}.`)
}
