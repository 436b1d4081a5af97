import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type Counts, parseCounts, readCounts, writeCounts } from './counts.ts'
import { type Draft, openDraft } from './draft.ts'
import { STAT_REFS_MAX } from './limits.ts'
import type { MissingBlob } from './queries.ts'
import { lastField } from './rows.ts'

export type Stat = (refs: readonly BlobRef[]) => Promise<(number | undefined)[]>

/** Those of `refs` that the store does not have. */
export async function absentOf(stat: Stat, refs: readonly BlobRef[]): Promise<BlobRef[]> {
  const absent: BlobRef[] = []
  for (let at = 0; at < refs.length; at += STAT_REFS_MAX) {
    const some = refs.slice(at, at + STAT_REFS_MAX)
    const sizes = await stat(some)
    absent.push(...some.filter((_, i) => sizes[i] === undefined))
  }
  return absent
}

/** Notes that `by` needs `needed`, which is not here. The row must be loaded. */
export function noteMissing(draft: Draft, counts: Counts, { needed, by }: MissingBlob): void {
  const key = `missing|${needed}`
  const known = draft.get(key)
  if (known === undefined) counts.missing += 1
  if (known === undefined || by < known) draft.put(key, by)
}

/** Notes that a blob is here. The row must be loaded. */
export function noteArrived(draft: Draft, counts: Counts, ref: BlobRef): void {
  if (draft.get(`missing|${ref}`) === undefined) return
  counts.missing -= 1
  draft.delete(`missing|${ref}`)
}

/** The batch that follows from blobs having come; undefined where nothing was missing. */
export async function draftOfArrived(
  rows: KeyValue,
  refs: readonly BlobRef[],
): Promise<Draft | undefined> {
  if (parseCounts(await rows.get('counts')).missing === 0) return undefined
  const draft = openDraft(rows)
  await draft.load(['counts', ...refs.map(ref => `missing|${ref}`)])
  const counts = readCounts(draft)
  for (const ref of refs) noteArrived(draft, counts, ref)
  writeCounts(draft, counts)
  return draft
}

/**
 * The batch that follows from blobs having gone: missing, where a schema blob needs them; and out of
 * what two devices compare, so that the other one sends them again.
 */
export async function draftOfLost(rows: KeyValue, refs: readonly BlobRef[]): Promise<Draft> {
  const draft = openDraft(rows)
  await draft.load([
    'counts',
    ...refs.flatMap(ref =>
      ['missing', ...LETTERS.map(letter => `meta|${letter}`)].map(row => `${row}|${ref}`),
    ),
  ])
  const counts = readCounts(draft)
  for (const needed of new Set(refs)) {
    const by = await neededBy(rows, needed)
    if (by !== undefined) noteMissing(draft, counts, { needed, by })
    dropMeta(draft, counts, needed)
  }
  writeCounts(draft, counts)
  return draft
}

/**
 * Brings back what a lost blob was known as, under the letter that it has now (the one that it had when none is
 * given). The row `meta|l` must be loaded.
 */
export function restoreMeta(
  draft: Draft,
  counts: Counts,
  { ref, letter }: { readonly ref: BlobRef; readonly letter: string | undefined },
): void {
  const text = draft.get(`meta|l|${ref}`)
  if (text === undefined) return
  draft.put(`meta|${letter ?? text.charAt(0)}|${ref}`, text.slice(1))
  draft.delete(`meta|l|${ref}`)
  counts.metaBlobs += 1
}

function dropMeta(draft: Draft, counts: Counts, ref: BlobRef): void {
  for (const letter of LETTERS) {
    const text = draft.get(`meta|${letter}|${ref}`)
    if (text === undefined) continue
    draft.delete(`meta|${letter}|${ref}`)
    draft.put(`meta|l|${ref}`, letter + text)
    counts.metaBlobs -= 1
  }
}

/** The letters of `meta` rows of what is here. */
const LETTERS = ['c', 's', 'f', 'd'] as const

/** The smallest schema blob that needs `ref`. */
async function neededBy(rows: KeyValue, ref: BlobRef): Promise<BlobRef | undefined> {
  for await (const [key, isNeeded] of rows.scan(prefixRange(`back|${ref}|`))) {
    if (isNeeded !== '') return lastField(key) as BlobRef
  }
  return undefined
}
