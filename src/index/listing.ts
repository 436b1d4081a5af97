import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import type { KeyId } from '../schema/signer.ts'
import { type Draft, openDraft } from './draft.ts'
import {
  MOVE_ALL,
  SIGNED_LETTERS,
  type SignedMeta,
  letterOf,
  moveTo,
  signedMeta,
} from './letters.ts'
import { LISTED_REFS_MAX, SETTLE_ROWS_MAX } from './limits.ts'
import type { Membership } from './members.ts'
import { lastField } from './rows.ts'

/**
 * The manifests of revocations: static-sets that list what stays valid. They are read a piece at a
 * time into rows, each set once however many others name it. A set that is not here yet is noted, and read
 * when it comes; so what is listed in the end is the same in whatever order blobs came.
 */
export interface Listing extends Membership {
  readonly fetch: (ref: BlobRef) => Promise<Uint8Array | undefined>
}

/** Notes that a manifest of the key reaches a set, which is to be read. */
export function noteSet(draft: Draft, keyId: KeyId, set: BlobRef): void {
  draft.put(`set|${keyId}|${set}`, '')
  draft.put(`todo|set|${keyId}|${set}`, '')
}

/** Notes that a set has come, for the keys of whose manifests it is a piece. The rows must be loaded. */
export function noteSetCame(draft: Draft, revoked: readonly KeyId[], set: BlobRef): void {
  for (const keyId of revoked) {
    if (draft.get(`set|${keyId}|${set}`) !== undefined) draft.put(`todo|set|${keyId}|${set}`, '')
  }
}

/** Notes that a blob which is listed and here makes what it says stay valid. The row must be loaded. */
export function noteStays(
  draft: Draft,
  { keyId, id }: { readonly keyId: KeyId; readonly id: string },
  ref: BlobRef,
): void {
  const key = `stays|${keyId}|${id}`
  const known = draft.get(key)
  if (known === undefined || ref < known) draft.put(key, ref)
}

/** The batch that reads a piece of a set. */
export async function draftOfListed(
  listing: Listing,
  [todo, place]: readonly [key: string, value: string],
  refsMax: number = LISTED_REFS_MAX,
): Promise<Draft> {
  const [, , keyId, set] = todo.split('|') as [string, string, KeyId, BlobRef]
  const draft = openDraft(listing.rows)
  await draft.load([`set|${keyId}|${set}`])
  // One that no manifest reaches any more was left over.
  const isReached = draft.get(`set|${keyId}|${set}`) !== undefined
  const entries = isReached ? await readSet(listing, set) : []
  const from = Number(place)
  const piece = entries.slice(from, from + refsMax)
  await noteSubsets(draft, keyId, piece)
  await noteListed(listing, { draft, keyId }, piece)
  if (from + refsMax < entries.length) draft.put(todo, String(from + refsMax))
  else draft.delete(todo)
  return draft
}

interface Entry {
  readonly ref: BlobRef
  readonly isSubset: boolean
}

/** Empty for what is not here, or is no set. */
async function readSet({ fetch }: Listing, set: BlobRef): Promise<Entry[]> {
  const bytes = await fetch(set)
  const schema = bytes && parseSchema(bytes)
  if (schema?.type !== 'static-set') return []
  return [
    ...(schema.mergeSets ?? []).map(ref => ({ ref, isSubset: true })),
    ...(schema.members ?? []).map(ref => ({ ref, isSubset: false })),
  ]
}

async function noteSubsets(draft: Draft, keyId: KeyId, piece: readonly Entry[]): Promise<void> {
  const subsets = piece.filter(entry => entry.isSubset)
  await draft.load(subsets.map(({ ref }) => `set|${keyId}|${ref}`))
  for (const { ref } of subsets) {
    if (draft.get(`set|${keyId}|${ref}`) === undefined) noteSet(draft, keyId, ref)
  }
}

async function noteListed(
  listing: Listing,
  { draft, keyId }: { readonly draft: Draft; readonly keyId: KeyId },
  piece: readonly Entry[],
): Promise<void> {
  const refs = [...new Set(piece.filter(entry => !entry.isSubset).map(({ ref }) => ref))]
  await draft.load(refs.map(ref => `listed|${keyId}|${ref}`))
  const fresh = refs.filter(ref => draft.get(`listed|${keyId}|${ref}`) === undefined)
  for (const ref of fresh) draft.put(`listed|${keyId}|${ref}`, '')
  const here = (await signedOf(draft, fresh)).filter(({ signed }) => signed.keyId === keyId)
  await draft.load(here.map(({ signed }) => `stays|${keyId}|${signed.id}`))
  for (const meta of here) {
    noteStays(draft, meta.signed, meta.ref)
    moveTo(draft, meta, letterOf(listing, { keyId, ref: meta.ref }, true))
    if (listing.isOwn(keyId)) markTouched(draft, meta)
  }
}

/** Those of `refs` that are signed and here, or lost. */
export async function signedOf(draft: Draft, refs: readonly BlobRef[]): Promise<SignedMeta[]> {
  const found: SignedMeta[] = []
  let left = refs
  // Most are members still: their letters change after this.
  for (const letter of SIGNED_LETTERS) {
    await draft.load(left.map(ref => `meta|${letter}|${ref}`))
    const texts = left.map(ref => draft.get(`meta|${letter}|${ref}`))
    for (const [i, ref] of left.entries()) {
      const text = texts[i]
      const meta = text === undefined ? undefined : signedMeta(ref, letter, text)
      if (meta) found.push(meta)
    }
    left = left.filter((_, i) => texts[i] === undefined)
  }
  return found
}

/** What acts now is to be folded. */
function markTouched(draft: Draft, { ref, signed }: SignedMeta): void {
  if (signed.about === undefined) draft.put(`dirty|${ref}`, '')
  else if (signed.about !== '-') draft.put(`dirty|${signed.about}`, '')
}

/**
 * The batch that forgets some of what a key's manifests list; the last one has those read that count. First
 * goes what is listed, so that nothing more can come to stay valid by it.
 */
export async function draftOfRelisted(
  rows: KeyValue,
  todo: string,
  rowsMax: number = SETTLE_ROWS_MAX,
): Promise<Draft> {
  const keyId = lastField(todo) as KeyId
  const draft = openDraft(rows)
  for (const prefix of ['listed', 'stays', 'set']) {
    const range = { ...prefixRange(`${prefix}|${keyId}|`), limit: rowsMax }
    const found = await Array.fromAsync(rows.scan(range))
    for (const [key] of found) draft.delete(key)
    if (found.length > 0) return draft
  }
  for (const manifest of (await readRevoked(rows)).get(keyId) ?? []) noteSet(draft, keyId, manifest)
  draft.put(`todo|move|${keyId}`, MOVE_ALL)
  draft.put(`todo|trust|${keyId}`, '')
  draft.delete(todo)
  return draft
}

/** The row `revoked`. */
export async function readRevoked(rows: KeyValue): Promise<Map<KeyId, readonly BlobRef[]>> {
  return new Map(JSON.parse((await rows.get('revoked')) ?? '[]') as [KeyId, BlobRef[]][])
}
