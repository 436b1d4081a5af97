import type { BlobKind } from '../blob/store.ts'
import { readSchemaJson } from './schema-json.ts'

const keyStarts = ['ssh-ed25519 ', '-----BEGIN PGP PUBLIC KEY BLOCK-----'].map(text =>
  Buffer.from(text),
)

/** Whether a blob is what an index is rebuilt from: schema of any type, or a public key. */
export function classifyBlob(bytes: Uint8Array): BlobKind {
  const isKey = keyStarts.some(start => start.equals(bytes.subarray(0, start.length)))
  return isKey || readSchemaJson(bytes) !== undefined ? 'meta' : 'data'
}
