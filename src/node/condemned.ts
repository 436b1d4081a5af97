import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { Clock } from '../base/clock.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { BlobSource, SizedRef } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'

/**
 * Blobs that somebody asked to remove and that nothing needs: for whoever asks what to send they are not here; they can be
 * read, and whoever sends one again has it back. Nothing is deleted here: that is for garbage collection, after its grace.
 */
export interface Condemned {
  has(ref: BlobRef): boolean
  /** Condemns all of them, or none: then it answers why which of them stay. What is not here is passed over. */
  condemn(refs: readonly BlobRef[]): Promise<ReadonlyMap<BlobRef, string>>
  /** The blob came in again. */
  revive(ref: BlobRef): Promise<void>
  /** The store as it is for whoever asks what to send. */
  readonly visible: Pick<BlobSource, 'stat' | 'enumerate'>
}

interface CondemnedParts {
  readonly state: KeyValue
  readonly clock: Clock
  readonly store: Pick<BlobSource, 'stat' | 'enumerate'>
  readonly index: () => Pick<Index, 'catchUp' | 'meta' | 'edgesTo'>
}

const PREFIX = 'condemned|'

export async function openCondemned(parts: CondemnedParts): Promise<Condemned> {
  const { state, clock, store, index } = parts
  const condemned = new Set<BlobRef>()
  for await (const [key] of state.scan(prefixRange(PREFIX)))
    condemned.add(key.slice(PREFIX.length) as BlobRef)

  async function reasonToStay(ref: BlobRef): Promise<string | undefined> {
    const type = (await index().meta(ref))?.type
    if (type !== undefined && SIGNED_TYPES.has(type))
      return `it is a ${type}; 'peerkeep delete' takes back what it says`
    for await (const by of index().edgesTo(ref)) return `${by} refers to it`
    return undefined
  }

  return {
    has: ref => condemned.has(ref),
    async condemn(refs) {
      await index().catchUp()
      const sizes = await store.stat(refs)
      const here = refs.filter((_, at) => sizes[at] !== undefined)
      const staying = new Map<BlobRef, string>()
      for (const ref of here) {
        const reason = await reasonToStay(ref)
        if (reason !== undefined) staying.set(ref, reason)
      }
      if (staying.size > 0) return staying
      const value = String(clock.now())
      await state.batch(
        here.map(ref => ({ type: 'put', key: PREFIX + ref, value })),
        { sync: true },
      )
      for (const ref of here) condemned.add(ref)
      return staying
    },
    async revive(ref) {
      if (!condemned.delete(ref)) return
      await state.batch([{ type: 'delete', key: PREFIX + ref }], { sync: true })
    },
    visible: {
      async stat(refs) {
        const sizes = await store.stat(refs)
        return sizes.map((size, at) => (condemned.has(refs[at] as BlobRef) ? undefined : size))
      },
      enumerate: after =>
        condemned.size === 0
          ? store.enumerate(after)
          : withoutCondemned(store.enumerate(after), condemned),
    },
  }
}

const SIGNED_TYPES: ReadonlySet<string> = new Set(['permanode', 'claim', 'key', 'peerkeep-facts'])

async function* withoutCondemned(
  blobs: AsyncIterable<SizedRef>,
  condemned: ReadonlySet<BlobRef>,
): AsyncGenerator<SizedRef> {
  for await (const blob of blobs) if (!condemned.has(blob.ref)) yield blob
}
