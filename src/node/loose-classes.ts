import type { BlobRef } from '../blob/ref.ts'
import type { BlobStore } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'
import type { NotedBlob } from './loose-rows.ts'

export interface LooseClasses {
  readonly gone: readonly NotedBlob[]
  readonly reached: readonly BlobRef[]
  /** What nothing here needs, and no claim is. */
  readonly loose: readonly BlobRef[]
}

/** Signed blobs and keys stand for themselves; whose they are decides whether they count. */
const selfStanding: ReadonlySet<string> = new Set(['claim', 'permanode', 'peerkeep-facts', 'key'])

/** Blobs that are looked at beside each other: each costs a few look-ups. */
const BESIDE = 50

/** Tells of noted blobs which are loose. */
export async function classifyLoose(
  { store, index }: { readonly store: Pick<BlobStore, 'stat'>; readonly index: () => Index },
  noted: readonly NotedBlob[],
): Promise<LooseClasses> {
  const sizes = await store.stat(noted.map(({ ref }) => ref))
  // What is here is in the index from here on.
  await index().catchUp()
  const gone = noted.filter((_, i) => sizes[i] === undefined)
  const here = noted.filter((_, i) => sizes[i] !== undefined).map(({ ref }) => ref)
  const reached: BlobRef[] = []
  const loose: BlobRef[] = []
  for (let at = 0; at < here.length; at += BESIDE) {
    const some = here.slice(at, at + BESIDE)
    const isKept = await Promise.all(some.map(ref => isReached(index(), ref)))
    for (const [i, ref] of some.entries()) (isKept[i] === true ? reached : loose).push(ref)
  }
  return { gone, reached, loose }
}

async function isReached(index: Index, ref: BlobRef): Promise<boolean> {
  const type = (await index.meta(ref))?.type
  if (type !== undefined && selfStanding.has(type)) return true
  for await (const by of index.needers(ref)) if (await counts(index, by)) return true
  return false
}

/**
 * Whether what needs a blob keeps it: unsigned schema (which is loose itself, where nothing needs it), and claims by
 * the owner's keys. Of strangers' claims nothing follows.
 */
export async function counts(index: Pick<Index, 'isMember'>, by: BlobRef): Promise<boolean> {
  return (await index.isMember('schema', by)) || index.isMember('claims', by)
}
