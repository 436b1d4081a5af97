import { type KeyValue, type KeyRange, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { readCounts, writeCounts } from './counts.ts'
import { type Draft, openDraft } from './draft.ts'
import { type Ground, metaOf } from './evaluate.ts'
import { SETTLE_CHARACTERS_MAX, SETTLE_ROWS_MAX } from './limits.ts'
import { membersOf } from './members.ts'
import { type MetaRow, anchorOf, lastField } from './rows.ts'
import { computeState, dropState, putState, writeState } from './state.ts'
import { devicePermanodePrefix } from './trust-claims.ts'

/** The next keys of a queue of work. */
export async function nextKeys(rows: KeyValue, range: KeyRange): Promise<string[]> {
  const found = await Array.fromAsync(rows.scan({ ...range, limit: SETTLE_ROWS_MAX }))
  return found.map(([key]) => key)
}

/** The batch that marks some of what a key has touched which is trusted now, or no more. */
export async function draftOfTrusted(
  rows: KeyValue,
  [todo, cursor]: readonly [key: string, value: string],
): Promise<Draft> {
  const range = prefixRange(`by|${lastField(todo)}|`)
  const keys = await nextKeys(rows, cursor === '' ? range : { ...range, from: `${cursor}|` })
  const draft = openDraft(rows)
  for (const key of keys) draft.put(`dirty|${lastField(key)}`, '')
  const last = keys.at(-1)
  if (last === undefined) draft.delete(todo)
  else draft.put(todo, last)
  return draft
}

/** A batch of folded permanodes, and whether a device's is among them; undefined when all are. */
export async function draftOfDirty(
  ground: Ground,
): Promise<{ draft: Draft; isDeviceTouched: boolean } | undefined> {
  const keys = await nextKeys(ground.rows, prefixRange('dirty|'))
  if (keys.length === 0) return undefined
  const draft = openDraft(ground.rows)
  const folded = new Map<string, readonly BlobRef[]>()
  let isDeviceTouched = false
  let characters = 0
  for (const key of keys) {
    draft.delete(key)
    const touched = lastField(key) as BlobRef
    const found = await permanodeBehind(ground.rows, touched)
    if (!found.meta?.signed || found.meta.type !== 'permanode') {
      await noteFacts(draft, ground.rows, touched)
      // It has something to fold when it comes.
      if (!found.meta) draft.put(`early|${found.ref}`, '')
      continue
    }
    const anchor = anchorOf(found.meta.signed)
    const members = folded.get(anchor) ?? (await membersOf(ground, anchor))
    if (!members.includes(found.ref)) dropState(draft, found.ref)
    if (!folded.has(anchor)) characters += await foldInto(draft, ground, members)
    folded.set(anchor, members)
    if (found.meta.signed.plannedKey?.startsWith(devicePermanodePrefix) === true)
      isDeviceTouched = true
    if (characters > SETTLE_CHARACTERS_MAX) break
  }
  return { draft, isDeviceTouched }
}

interface Found {
  readonly ref: BlobRef
  /** Undefined where it is not here. */
  readonly meta: MetaRow | undefined
}

/** The permanode whose state a claim on, or a delete of, `ref` may change; or the blob that is not about any. */
async function permanodeBehind(rows: KeyValue, start: BlobRef): Promise<Found> {
  for (let ref = start; ;) {
    const meta = await metaOf(rows, ref)
    const about = meta?.signed?.about
    if (about === undefined || about === '-') return { ref, meta }
    ref = about
  }
}

/** What facts say, or say no more, changes what their files are found by. */
async function noteFacts(draft: Draft, rows: KeyValue, ref: BlobRef): Promise<void> {
  if ((await metaOf(rows, ref))?.type === 'peerkeep-facts') draft.put(`todo|facts|${ref}`, '')
}

/** Answers the characters of the state. */
async function foldInto(
  draft: Draft,
  ground: Ground,
  members: readonly BlobRef[],
): Promise<number> {
  const state = await computeState(ground, members)
  if (!state) return 0
  putState(draft, members, state)
  return writeState(state)?.length ?? 0
}

/** The first row of a queue of work. */
export async function firstRow(
  rows: KeyValue,
  prefix: string,
): Promise<readonly [key: string, value: string] | undefined> {
  for await (const row of rows.scan({ ...prefixRange(prefix), limit: 1 })) return row
  return undefined
}

/** The batch that forgets claims which waited for a key and are not here any more, and finished work. */
export async function draftOfGone(
  rows: KeyValue,
  keys: readonly string[],
): Promise<Draft | undefined> {
  if (keys.length === 0) return undefined
  const draft = openDraft(rows)
  const blobs = keys.filter(key => key.startsWith('wait|')).map(lastField)
  await draft.load(['counts', ...blobs.map(ref => `meta|f|${ref}`)])
  const counts = readCounts(draft)
  for (const key of keys) draft.delete(key)
  for (const ref of blobs) {
    // As if it had never come: when it does, it is read as new.
    if (draft.get(`meta|f|${ref}`) !== undefined) counts.metaBlobs -= 1
    draft.delete(`meta|f|${ref}`)
  }
  writeCounts(draft, counts)
  return draft
}
