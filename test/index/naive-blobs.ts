import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import type { ClaimBody, Nanoseconds, StaticSetSchema } from '../../src/schema/schema-blob.ts'
import { claimIdOf, splitSigned } from '../../src/schema/signed-blob.ts'
import type { KeyId } from '../../src/schema/signer.ts'

/** A blob, and who signed it or whose key it is; sets are nobody's. */
export interface SignedBytes {
  readonly bytes: Uint8Array
  readonly keyId: KeyId
}

/** A signed blob whose key is here. */
export interface Statement {
  readonly ref: BlobRef
  readonly id: string
  readonly keyId: KeyId
  readonly date: Nanoseconds
  readonly payload: Uint8Array
  /** Undefined for permanodes. */
  readonly body: ClaimBody | undefined
  readonly plannedKey: string | undefined
}

export interface NaiveBlobs {
  readonly statements: readonly Statement[]
  readonly keys: readonly BlobRef[]
  readonly sets: ReadonlyMap<BlobRef, StaticSetSchema>
}

/** What a list of blobs says. */
export function readNaively(blobs: Iterable<SignedBytes>): NaiveBlobs {
  const all = [...blobs]
  const keyBlobs = all.filter(({ bytes }) => String(bytes).startsWith('ssh-'))
  const known = new Set(keyBlobs.map(({ keyId }) => keyId))
  const statements: Statement[] = []
  const sets = new Map<BlobRef, StaticSetSchema>()
  for (const { bytes, keyId } of all) {
    const schema = parseSchema(bytes)
    const ref = refOf(bytes)
    if (schema?.type === 'static-set') sets.set(ref, schema)
    const parts = splitSigned(bytes)
    if (!parts || !known.has(keyId)) continue
    if (schema?.type !== 'claim' && schema?.type !== 'permanode') continue
    statements.push({
      ref,
      id: claimIdOf(parts.payload, keyId),
      keyId,
      date: schema.date,
      payload: parts.payload,
      body: schema.type === 'claim' ? schema.claim : undefined,
      plannedKey: schema.type === 'permanode' ? schema.key : undefined,
    })
  }
  return { statements, keys: keyBlobs.map(({ bytes }) => refOf(bytes)), sets }
}
