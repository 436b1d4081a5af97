import type { BlobRef } from '../blob/ref.ts'
import type { BlobSource } from '../blob/store.ts'
import type { IndexedShare } from '../index/queries.ts'
import { SCHEMA_SIZE_MAX } from '../schema/limits.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import type { SchemaBlob, ShareClaim } from '../schema/schema-blob.ts'

interface ChainParts {
  readonly store: Pick<BlobSource, 'fetch' | 'stat'>
  /** The acting share that a blob is, as the index knows it: the bytes alone prove nothing. */
  readonly share: (ref: BlobRef) => Promise<IndexedShare | undefined>
  /** Milliseconds since 1970, now. */
  readonly now: () => number
}

/** The share that lets anybody have the last blob of `chain`, each of which must lead to the next; else undefined. */
export async function openedBy(
  parts: ChainParts,
  chain: readonly BlobRef[],
): Promise<ShareClaim | undefined> {
  const [first, ...links] = chain
  const share = first === undefined ? undefined : await validShare(parts, first)
  const [target, ...inner] = links
  if (!share || target === undefined) return share
  if (!opens(share, target) || (inner.length > 0 && !share.transitive)) return undefined
  let from = target
  for (const to of inner) {
    if (!(await leadsTo(parts.store, from, to))) return undefined
    from = to
  }
  return share
}

async function validShare(
  { share, now }: ChainParts,
  ref: BlobRef,
): Promise<ShareClaim | undefined> {
  const found = await share(ref)
  if (!found || found.isDeleted) return undefined
  const { authType, expires, target } = found.body
  const isOver = expires !== undefined && expires <= BigInt(now()) * 1_000_000n
  // A share of a search opens nothing yet.
  return authType === 'haveref' && !isOver && target !== undefined ? found.body : undefined
}

/** Whether a share names the blob itself. What a search finds is to be asked here. */
function opens({ target }: ShareClaim, ref: BlobRef): boolean {
  return target === ref
}

async function leadsTo(store: ChainParts['store'], from: BlobRef, to: BlobRef): Promise<boolean> {
  const schema = await fetchIfSchema(store, from)
  return schema !== undefined && childrenOf(schema).includes(to)
}

/** A blob that is here and schema; larger ones, which are none, are not read. */
export async function fetchIfSchema(
  store: Pick<BlobSource, 'fetch' | 'stat'>,
  ref: BlobRef,
): Promise<SchemaBlob | undefined> {
  const [size] = await store.stat([ref])
  if (size === undefined || size > SCHEMA_SIZE_MAX) return undefined
  const bytes = await store.fetch(ref)
  return bytes && parseSchema(bytes)
}

function childrenOf(schema: SchemaBlob): readonly (BlobRef | undefined)[] {
  switch (schema.type) {
    case 'file':
    case 'bytes':
      return schema.parts.flatMap(({ blobRef, bytesRef }) => [blobRef, bytesRef])
    case 'directory':
      return [schema.entries]
    case 'static-set':
      return schema.members ?? schema.mergeSets ?? []
    case 'symlink':
    case 'fifo':
    case 'socket':
    case 'permanode':
    case 'claim':
    case 'facts':
    case 'unknown':
      return []
  }
}
