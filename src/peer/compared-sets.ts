import { createHmac } from 'node:crypto'

import { openListeners } from '../base/listeners.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type SetName, setNames } from './messages.ts'
import { buildSetTrie, decodeSetTrie, openSetTrie, type SetTrie } from './set-trie.ts'
import type { MemberChange, SetSource } from './source.ts'

/** The two sets as tries: kept up with the index, and compared with those of the other devices. */
export interface ComparedSets extends AsyncDisposable {
  /** Which group secret the tries of this device are made with. */
  readonly keyCheck: string
  /** Tries under the group secret; resolves when all that is here is in them. */
  views(): Promise<Tries>
  /**
   * Tries under a key that every device can compute, for a line to one that does not have the same secret (yet). Built
   * at each call, a few seconds for a million blobs, and kept up until `release` is called.
   */
  commonViews(): Promise<{ readonly tries: Tries; readonly release: () => void }>
  /** Calls back when a set has changed; returns what stops it. */
  onChange(listener: (set: SetName) => void): () => void
  close(): Promise<void>
}

type Tries = Readonly<Record<SetName, SetTrie>>

/** Where tries are kept from one start to the next. */
export interface TrieStore {
  /** What was kept, and what has come since; undefined where the tries have to be built anew. */
  load(): Promise<KeptTries | undefined>
  /** What the sets are now: tries that hold everything told of until then may be kept under it. */
  version(): Promise<string>
  save(version: string, tries: TrieBytes): Promise<void>
}

type TrieBytes = Readonly<Record<SetName, Uint8Array>>

export interface KeptTries {
  readonly tries: TrieBytes
  readonly later: AsyncIterable<{ readonly set: SetName; readonly ref: BlobRef }>
}

export interface ComparedSetsParts {
  readonly source: SetSource
  /** 32 bytes that all devices of the owner share. */
  readonly groupSecret: Uint8Array
  /** What no two owners share, and is no secret. */
  readonly ownerId: string
  readonly store: TrieStore
}

/** The key of the tries: not the secret itself, which has other uses. */
function trieKey(groupSecret: Uint8Array): Uint8Array {
  return createHmac('sha256', groupSecret).update('peerkeep/v1/compared sets').digest()
}

export function openComparedSets(parts: ComparedSetsParts): ComparedSets {
  const { source, store, ownerId } = parts
  const key = trieKey(parts.groupSecret)
  const kept = new Set<{ tries: Tries | undefined; waiting: MemberChange[] }>()
  const listeners = openListeners<[set: SetName]>()

  const stop = source.onMembers(changes => {
    for (const { tries, waiting } of kept) {
      if (tries) apply(tries, changes)
      else waiting.push(...changes)
    }
    for (const set of setNames) {
      if (changes.some(change => change.set === set)) listeners.tell(set)
    }
  })

  /** What changes while a trie is filled is applied behind it: in the end only the last word on a ref counts. */
  async function keep(fill: () => Promise<Tries>) {
    const entry = { tries: undefined as Tries | undefined, waiting: [] as MemberChange[] }
    kept.add(entry)
    const release = (): void => void kept.delete(entry)
    try {
      const tries = await fill()
      apply(tries, entry.waiting)
      entry.tries = tries
      return { tries, release }
    } catch (error) {
      release()
      throw error
    }
  }

  const build = async (trieOf: Uint8Array): Promise<Tries> => ({
    claims: await buildSetTrie(trieOf, refsOf(source, 'claims')),
    schema: await buildSetTrie(trieOf, refsOf(source, 'schema')),
  })
  const opening = keep(async () => (await loadTries(key, store)) ?? build(key))
  opening.catch(() => undefined)

  async function close(): Promise<void> {
    const opened = await opening.catch(() => undefined)
    // Before the last change is heard of: what is in the tries beyond it is no harm.
    const version = await store.version()
    stop()
    if (!opened) return
    const { claims, schema } = opened.tries
    await store.save(version, { claims: claims.encode(), schema: schema.encode() })
  }
  let closing: Promise<void> | undefined
  const closeOnce = (): Promise<void> => (closing ??= close())
  return {
    keyCheck: openSetTrie(key).keyCheck,
    views: async () => (await opening).tries,
    commonViews: () => {
      const common = createHmac('sha256', 'peerkeep/v1/common').update(ownerId).digest()
      return keep(() => build(common))
    },
    onChange: listeners.add,
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  }
}

async function loadTries(key: Uint8Array, store: TrieStore): Promise<Tries | undefined> {
  const kept = await store.load()
  const claims = kept && decodeSetTrie(key, kept.tries.claims)
  const schema = kept && decodeSetTrie(key, kept.tries.schema)
  if (!claims || !schema) return undefined
  const tries = { claims, schema }
  for await (const { set, ref } of kept.later) tries[set].insert(ref)
  return tries
}

function apply(tries: Tries, changes: readonly MemberChange[]): void {
  for (const { set, ref, isMember } of changes) {
    if (isMember) tries[set].insert(ref)
    else tries[set].delete(ref)
  }
}

async function* refsOf(source: SetSource, set: SetName) {
  for await (const { ref } of source.enumerate(set)) yield ref
}
