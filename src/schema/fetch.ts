import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { parseSchema } from './parse-schema.ts'
import type { SchemaBlob } from './schema-blob.ts'

/** How readers of trees get blobs: undefined for what is not here. */
export type FetchBlob = (ref: BlobRef) => Promise<Uint8Array | undefined>

/** A blob that must be here. Rejects with `BLOB_MISSING`. */
export async function fetchNeeded(fetch: FetchBlob, ref: BlobRef): Promise<Uint8Array> {
  const bytes = await fetch(ref)
  if (bytes) return bytes
  throw new PeerkeepError('BLOB_MISSING', `the blob ${ref} is not here`, { details: { ref } })
}

/** A schema blob that must be here and be one of these types. Rejects with `BLOB_MISSING`, `BAD_SCHEMA`. */
export async function fetchSchema<Type extends SchemaBlob['type']>(
  fetch: FetchBlob,
  ref: BlobRef,
  types: readonly Type[],
): Promise<Extract<SchemaBlob, { readonly type: Type }>> {
  const schema = parseSchema(await fetchNeeded(fetch, ref))
  const isWanted = schema !== undefined && (types as readonly string[]).includes(schema.type)
  if (isWanted) return schema as Extract<SchemaBlob, { readonly type: Type }>
  const what = schema === undefined ? 'no schema' : `of type ${schema.type}`
  throw new PeerkeepError('BAD_SCHEMA', `the blob ${ref} is ${what}, not ${types.join(' or ')}`, {
    details: { ref },
  })
}
