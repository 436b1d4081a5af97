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
  const reached = await selfStandingOf(index(), here)
  for await (const { needed, by } of index().needers(here))
    if (!reached.has(needed) && (await counts(index(), by))) reached.add(needed)
  return { gone, reached: [...reached], loose: here.filter(ref => !reached.has(ref)) }
}

async function selfStandingOf(index: Index, refs: readonly BlobRef[]): Promise<Set<BlobRef>> {
  const found = new Set<BlobRef>()
  for (let at = 0; at < refs.length; at += BESIDE) {
    const some = refs.slice(at, at + BESIDE)
    const metas = await Promise.all(some.map(ref => index.meta(ref)))
    for (const [i, ref] of some.entries())
      if (selfStanding.has(metas[i]?.type ?? '')) found.add(ref)
  }
  return found
}

/**
 * Whether what needs a blob keeps it: unsigned schema (which is loose itself, where nothing needs it), and claims by
 * the owner's keys. Of strangers' claims nothing follows.
 */
export async function counts(index: Pick<Index, 'isMember'>, by: BlobRef): Promise<boolean> {
  return (await index.isMember('schema', by)) || index.isMember('claims', by)
}
