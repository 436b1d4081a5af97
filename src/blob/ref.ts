import { hash } from 'node:crypto'

import { PeerkeepError } from '../base/errors.ts'

/**
 * The name of a blob: `<hash name>-<lower-case hex>` of its bytes, as Perkeep writes it.
 * A value of this type has been parsed; inside the program it is never checked again.
 * Refs are ordered as text, which is the order of hash name, then digest.
 */
export type BlobRef = string & { readonly __brand: 'BlobRef' }

/** Hash functions that a stored blob may be named by, with the length of their digests in hex. */
const digestHexLengths: Readonly<Record<string, number>> = { sha1: 40, sha224: 56, sha256: 64 }

const refPattern = /^(?:sha1-[0-9a-f]{40}|sha224-[0-9a-f]{56}|sha256-[0-9a-f]{64})$/

/** True for text that is a ref with a known hash name and the digest length that belongs to it. */
export function isBlobRef(text: unknown): text is BlobRef {
  return typeof text === 'string' && refPattern.test(text)
}

/** Parses text that a person or a file gave. Throws PeerkeepError `BAD_REF`. */
export function parseBlobRef(text: string): BlobRef {
  if (isBlobRef(text)) return text
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text
  throw new PeerkeepError(
    'BAD_REF',
    `${JSON.stringify(shown)} is not a blob reference: it should look like sha224-, followed by 56 digits 0-9 a-f`,
  )
}

/** The name that Peerkeep gives to new bytes: their SHA-224. */
export function refOf(bytes: Uint8Array): BlobRef {
  return `sha224-${hash('sha224', bytes, 'hex')}` as BlobRef
}

/** Whether `bytes` are what `ref` names, by the hash function that the ref itself names. */
export function matchesRef(ref: BlobRef, bytes: Uint8Array): boolean {
  const dash = ref.indexOf('-')
  return hash(ref.slice(0, dash), bytes, 'hex') === ref.slice(dash + 1)
}

/** The name of the hash function and the length of its digest in hex, for readers of binary forms. */
export function digestLengthOf(hashName: string): number | undefined {
  return Object.hasOwn(digestHexLengths, hashName) ? digestHexLengths[hashName] : undefined
}
