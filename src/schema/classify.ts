import type { BlobKind } from '../blob/store.ts'
import { parseSchema } from './parse-schema.ts'

const keyHeads = ['ssh-ed25519 ', '-----BEGIN PGP PUBLIC KEY BLOCK-----'].map(head =>
  Buffer.from(head),
)

/** Longest public key blob that counts as one, in bytes: Perkeep's reading limit. */
const KEY_BLOB_MAX = 256 * 1024

/**
 * Where a blob belongs: `meta` for schema (also of unknown types) and public keys, `data` for the rest.
 * A function of the bytes alone, so every device and every rebuild decides alike.
 */
export function classifyBlob(bytes: Uint8Array): BlobKind {
  if (bytes[0] === 0x7b) return classifyJson(bytes)
  return looksLikeKey(bytes) ? 'meta' : 'data'
}

/** Whether a blob begins like a public key; that it is one is for whoever reads it. */
export function looksLikeKey(bytes: Uint8Array): boolean {
  return (
    bytes.length <= KEY_BLOB_MAX &&
    keyHeads.some(head => Buffer.compare(head, bytes.subarray(0, head.length)) === 0)
  )
}

/** What was found out about bytes that are still in memory: the store and its listeners ask in turn. */
const knownKinds = new WeakMap<Uint8Array, BlobKind>()

function classifyJson(bytes: Uint8Array): BlobKind {
  const known = knownKinds.get(bytes)
  if (known !== undefined) return known
  const kind = parseSchema(bytes) ? 'meta' : 'data'
  knownKinds.set(bytes, kind)
  return kind
}
