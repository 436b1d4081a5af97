import { type KeyValue, type KeyRange, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import { readCounts, writeCounts } from './counts.ts'
import { type Draft, openDraft } from './draft.ts'
import { type Ground, membersOf, metaOf } from './evaluate.ts'
import { SETTLE_CHARACTERS_MAX, SETTLE_ROWS_MAX } from './limits.ts'
import { type MetaRow, anchorOf, lastField } from './rows.ts'
import { computeState, putState, writeState } from './state.ts'
import { noteDueDate } from './take.ts'
import { devicePermanodePrefix } from './trust.ts'

/** The next keys of a queue of work. */
export async function nextKeys(rows: KeyValue, range: KeyRange): Promise<string[]> {
  const found = await Array.fromAsync(rows.scan({ ...range, limit: SETTLE_ROWS_MAX }))
  return found.map(([key]) => key)
}

/** The batch that makes claims act which have become due; undefined when there are none. */
export async function draftOfDue(ground: Ground, dueUntil: string): Promise<Draft | undefined> {
  const keys = await nextKeys(ground.rows, { from: 'due|', until: `due|${dueUntil}|\u{10ffff}` })
  if (keys.length === 0) return undefined
  const draft = openDraft(ground.rows)
  for (const key of keys) {
    const [, date = ''] = key.split('|')
    const ref = lastField(key) as BlobRef
    const signed = (await metaOf(ground.rows, ref))?.signed
    draft.delete(key)
    if (!signed) continue
    await draft.load([`latest|${signed.keyId}`, 'horizon'])
    noteDueDate(draft, signed.keyId, date)
    if (signed.about !== undefined && signed.about !== '-') draft.put(`dirty|${signed.about}`, '')
  }
  return draft
}

/** The batch that marks what newly trusted keys have touched; undefined when there is nothing. */
export async function draftOfTrusted(rows: KeyValue): Promise<Draft | undefined> {
  const [todo, cursor = ''] = await firstRow(rows, 'todo|trust|')
  if (todo === undefined) return undefined
  const range = prefixRange(`by|${lastField(todo)}|`)
  const keys = await nextKeys(rows, cursor === '' ? range : { ...range, from: `${cursor}|` })
  const draft = openDraft(rows)
  for (const key of keys) draft.put(`dirty|${lastField(key)}`, '')
  const last = keys.at(-1)
  if (last === undefined) draft.delete(todo)
  else draft.put(todo, last)
  return draft
}

/** The batch that moves trust to other keys: what they touched is to be folded anew. */
export async function draftOfTrust(
  rows: KeyValue,
  keys: Iterable<KeyId>,
): Promise<Draft | undefined> {
  const draft = openDraft(rows)
  await draft.load(['own'])
  const before = new Set(JSON.parse(draft.get('own') ?? '[]') as KeyId[])
  const after = new Set(keys)
  const changed = before.symmetricDifference(after)
  if (changed.size === 0) return undefined
  for (const key of changed) draft.put(`todo|trust|${key}`, '')
  draft.put('own', JSON.stringify([...after].sort()))
  return draft
}

/** A batch of folded permanodes, and whether a device's is among them; undefined when all are. */
export async function draftOfDirty(
  ground: Ground,
): Promise<{ draft: Draft; isDeviceTouched: boolean } | undefined> {
  const keys = await nextKeys(ground.rows, prefixRange('dirty|'))
  if (keys.length === 0) return undefined
  const draft = openDraft(ground.rows)
  const done = new Set<string>()
  let isDeviceTouched = false
  let characters = 0
  for (const key of keys) {
    draft.delete(key)
    const found = await permanodeBehind(ground.rows, lastField(key) as BlobRef)
    if (!found?.meta.signed) continue
    const anchor = anchorOf(found.meta.signed)
    if (done.has(anchor)) continue
    done.add(anchor)
    characters += await foldInto(draft, ground, { anchor, ...found })
    if (found.meta.signed.plannedKey?.startsWith(devicePermanodePrefix) === true)
      isDeviceTouched = true
    if (characters > SETTLE_CHARACTERS_MAX) break
  }
  return { draft, isDeviceTouched }
}

interface Found {
  readonly ref: BlobRef
  readonly meta: MetaRow
}

/** The permanode whose state a claim on, or a delete of, `ref` may change. */
async function permanodeBehind(rows: KeyValue, start: BlobRef): Promise<Found | undefined> {
  for (let ref = start; ;) {
    const meta = await metaOf(rows, ref)
    if (meta?.type === 'permanode') return { ref, meta }
    const about = meta?.signed?.about
    if (meta === undefined || about === undefined || about === '-') return undefined
    ref = about
  }
}

async function foldInto(
  draft: Draft,
  ground: Ground,
  { anchor, ref }: Found & { anchor: string },
): Promise<number> {
  const members = await membersOf(ground, anchor)
  if (!members.includes(ref)) {
    draft.delete(`state|${ref}`)
    draft.delete(`backup|${ref}`)
  }
  if (members.length === 0) return 0
  const state = await computeState(ground, members)
  putState(draft, members, state)
  return writeState(state)?.length ?? 0
}

async function firstRow(rows: KeyValue, prefix: string): Promise<readonly [string?, string?]> {
  for await (const row of rows.scan({ ...prefixRange(prefix), limit: 1 })) return row
  return []
}

/** The batch that forgets claims which waited for a key and are not here any more, and finished work. */
export async function draftOfGone(
  rows: KeyValue,
  keys: readonly string[],
): Promise<Draft | undefined> {
  if (keys.length === 0) return undefined
  const draft = openDraft(rows)
  await draft.load(['counts'])
  const counts = readCounts(draft)
  for (const key of keys) {
    draft.delete(key)
    if (!key.startsWith('wait|')) continue
    // As if it had never come: when it does, it is read as new.
    draft.delete(`meta|c|${lastField(key)}`)
    counts.metaBlobs -= 1
  }
  writeCounts(draft, counts)
  return draft
}
