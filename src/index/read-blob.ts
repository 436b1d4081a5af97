import type { BlobRef } from '../blob/ref.ts'
import { looksLikeKey } from '../schema/classify.ts'
import { readKeyBlob } from '../schema/key-blob.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import type { SchemaBlob } from '../schema/schema-blob.ts'
import {
  type SignedParts,
  type SignedSchema,
  type Verify,
  claimIdOf,
  splitSigned,
  verifySigned,
} from '../schema/signed-blob.ts'
import type { KeyId } from '../schema/signer.ts'

/** A blob of the log, as it came. */
export interface RawBlob {
  readonly ref: BlobRef
  readonly bytes: Uint8Array
}

/** What a blob of the log is, as far as its bytes and its signer's key tell. */
export type ReadBlob = RawBlob &
  (
    | { readonly kind: 'key'; readonly keyId: KeyId }
    | {
        readonly kind: 'signed'
        readonly schema: SignedSchema
        readonly keyId: KeyId
        readonly id: string
        readonly payload: Uint8Array
      }
    /** Signed by a key whose blob is not here. */
    | { readonly kind: 'waiting'; readonly schema: SignedSchema }
    | { readonly kind: 'schema'; readonly schema: SchemaBlob }
    /** Signed wrongly, or nothing that can be read: kept, without effect. */
    | { readonly kind: 'inert'; readonly type: string; readonly signer?: BlobRef }
  )

/** The key blobs by ref, undefined for those that are not here. */
export type KeyBlobs = (refs: readonly BlobRef[]) => Promise<Map<BlobRef, Uint8Array>>

type Parsed = RawBlob &
  (
    | Extract<ReadBlob, { kind: 'key' | 'schema' | 'inert' }>
    | { readonly kind: 'unverified'; readonly schema: SignedSchema; readonly parts: SignedParts }
  )

/** Reads a group of blobs, verifying all their signatures beside each other. Never rejects for what a blob holds. */
export async function readBlobs(
  blobs: readonly RawBlob[],
  keyBlobs: KeyBlobs,
  verify: Verify = verifySigned,
): Promise<ReadBlob[]> {
  const parsed = blobs.map(parseBlob)
  const signers = new Set<BlobRef>()
  for (const blob of parsed) if (blob.kind === 'unverified') signers.add(blob.parts.signer)
  const keys = await keyBlobs([...signers])
  for (const blob of parsed) if (blob.kind === 'key') keys.set(blob.ref, blob.bytes)
  return Promise.all(
    parsed.map(async blob =>
      blob.kind === 'unverified' ? verifyBlob(blob, keys.get(blob.parts.signer), verify) : blob,
    ),
  )
}

function parseBlob({ ref, bytes }: RawBlob): Parsed {
  if (looksLikeKey(bytes)) {
    const key = readKeyBlob(bytes)
    if (key) return { ref, bytes, kind: 'key', keyId: key.keyId }
  }
  const schema = parseSchema(bytes)
  if (!schema) return { ref, bytes, kind: 'inert', type: 'unknown' }
  if (!isSigned(schema)) return { ref, bytes, kind: 'schema', schema }
  const parts = splitSigned(bytes, schema)
  if (!parts) return { ref, bytes, kind: 'inert', type: typeName(schema) }
  return { ref, bytes, kind: 'unverified', schema, parts }
}

async function verifyBlob(
  { ref, bytes, schema, parts }: Extract<Parsed, { kind: 'unverified' }>,
  keyBlob: Uint8Array | undefined,
  verify: Verify,
): Promise<ReadBlob> {
  if (!keyBlob) return { ref, bytes, kind: 'waiting', schema }
  try {
    const keyId = await verify(parts, keyBlob)
    const { payload } = parts
    return { ref, bytes, kind: 'signed', schema, keyId, id: claimIdOf(payload, keyId), payload }
  } catch {
    return { ref, bytes, kind: 'inert', type: typeName(schema), signer: parts.signer }
  }
}

function isSigned(schema: SchemaBlob): schema is SignedSchema {
  return schema.type === 'permanode' || schema.type === 'claim' || schema.type === 'facts'
}

/** The `camliType` of a schema blob. */
export function typeName(schema: SchemaBlob): string {
  if (schema.type === 'unknown') return schema.camliType
  return schema.type === 'facts' ? 'peerkeep-facts' : schema.type
}
