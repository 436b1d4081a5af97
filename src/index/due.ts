import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import { type Draft, openDraft } from './draft.ts'
import { type Ground, metaOf } from './evaluate.ts'
import { SIGNED_LETTERS, signedMeta } from './letters.ts'
import { MOVE_ROWS_MAX } from './limits.ts'
import { type SignedRow, lastField } from './rows.ts'
import { nextKeys } from './settle.ts'
import { noteDueDate } from './take.ts'

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
    markTouched(draft, signed)
  }
  return draft
}

/** Where the taking back of dates is: the row `todo|clock`. */
interface Retraction {
  /** Dates behind this one are not due. */
  readonly until: string
  /** The ranges that are left, the first of them behind the key `after`. */
  readonly ranges: readonly string[]
  readonly after: string
  /** The latest date found that is due. */
  readonly latest: string
}

/**
 * The batch that begins, or goes on, to make claims not due again whose dates a clock that is mended now
 * had let through; undefined when there are none. At once nothing dated behind `dueUntil` acts any more;
 * then all is looked through for what must wait again, and for the dates that are the latest now.
 */
export async function draftOfRetraction(
  ground: Ground,
  dueUntil: string,
  rowsMax: number = MOVE_ROWS_MAX,
): Promise<Draft | undefined> {
  const { rows } = ground
  const text = await rows.get('todo|clock')
  if (text !== undefined) return goOn(rows, JSON.parse(text) as Retraction, rowsMax)
  if (ground.horizon() <= dueUntil) return undefined
  const draft = openDraft(rows)
  const ranges = ['latest|', ...SIGNED_LETTERS.map(letter => `meta|${letter}|`)]
  putRetraction(draft, { until: dueUntil, ranges, after: '', latest: '' })
  draft.put('horizon', dueUntil)
  return draft
}

async function goOn(rows: KeyValue, work: Retraction, rowsMax: number): Promise<Draft> {
  const draft = openDraft(rows)
  const [range, ...later] = work.ranges
  if (range === undefined) {
    draft.delete('todo|clock')
    if (work.latest === '') draft.delete('horizon')
    else draft.put('horizon', work.latest)
    return draft
  }
  const { from, until } = prefixRange(range)
  const after = work.after === '' ? from : `${work.after}!`
  const found = await Array.fromAsync(rows.scan({ from: after, until, limit: rowsMax }))
  const latest = range === 'latest|' ? '' : await retractMeta(draft, work, found)
  if (range === 'latest|') retractLatest(draft, work, found)
  const last = found.length < rowsMax ? undefined : found.at(-1)
  putRetraction(draft, {
    until: work.until,
    ranges: last ? work.ranges : later,
    after: last ? last[0] : '',
    latest: latest > work.latest ? latest : work.latest,
  })
  return draft
}

function putRetraction(draft: Draft, work: Retraction): void {
  draft.put('todo|clock', JSON.stringify(work))
}

type Row = readonly [key: string, value: string]

/** Dates that are too late are found anew from the blobs. */
function retractLatest(draft: Draft, { until }: Retraction, found: readonly Row[]): void {
  for (const [key, date] of found) if (date > until) draft.delete(key)
}

/** Answers the latest date that is due. */
async function retractMeta(
  draft: Draft,
  { until }: Retraction,
  found: readonly Row[],
): Promise<string> {
  const latest = new Map<KeyId, string>()
  for (const [key, text] of found) {
    const ref = lastField(key) as BlobRef
    const signed = signedMeta(ref, key.split('|')[1] ?? '', text)?.signed
    if (!signed) continue
    if (signed.date > until) {
      draft.put(`due|${signed.date}|${ref}`, '')
      markTouched(draft, signed)
    } else if (signed.date > (latest.get(signed.keyId) ?? '')) {
      latest.set(signed.keyId, signed.date)
    }
  }
  await draft.load([...latest.keys()].map(keyId => `latest|${keyId}`))
  for (const [keyId, date] of latest) {
    if (date > (draft.get(`latest|${keyId}`) ?? '')) draft.put(`latest|${keyId}`, date)
  }
  return [...latest.values()].sort().at(-1) ?? ''
}

function markTouched(draft: Draft, { about }: SignedRow): void {
  if (about !== undefined && about !== '-') draft.put(`dirty|${about}`, '')
}
