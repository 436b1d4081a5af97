import type { KeyValue } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import { type ClaimRow, isAttributeClaim, readClaim } from './claim-row.ts'
import { type Attributes, applyClaim } from './fold.ts'
import { FOLD_CLAIMS_MAX } from './limits.ts'
import { type Membership, actingClaim, isMember, membersOf, twinsOf } from './members.ts'
import { type ClaimClass, type MetaRow, anchorOf, dateText, readMeta } from './rows.ts'

/** What decides which claims act: the rows, whose keys are own, and up to which date claims are due. */
export interface Ground extends Membership {
  /** As `dateText` writes it. */
  readonly horizon: () => string
}

/** A permanode's claims, applied. */
export interface Folded {
  readonly attributes: Attributes
  /** Date of the last claim that changed something. */
  readonly modified: string | undefined
  /** Place of the last claim that counted: date and key. */
  readonly last: string | undefined
}

/** What the index knows of a blob of the log, lost or not. */
export async function metaOf(rows: KeyValue, ref: BlobRef): Promise<MetaRow | undefined> {
  const text =
    (await rows.get(`meta|c|${ref}`)) ??
    (await rows.get(`meta|s|${ref}`)) ??
    (await firstOf(rows, ref, ['f', 'd', 'l']))
  return text === undefined ? undefined : readMeta(text)
}

async function firstOf(
  rows: KeyValue,
  ref: BlobRef,
  letters: readonly string[],
): Promise<string | undefined> {
  const texts = await rows.getMany(letters.map(letter => `meta|${letter}|${ref}`))
  const at = texts.findIndex(text => text !== undefined)
  return letters[at] === 'l' ? texts[at]?.slice(1) : texts[at]
}

/** The permanode that `ref` is, as the blobs it stands in; undefined when it is none that counts. */
export async function permanodeMembers(
  ground: Ground,
  ref: BlobRef,
): Promise<BlobRef[] | undefined> {
  const meta = await metaOf(ground.rows, ref)
  if (meta?.type !== 'permanode' || !meta.signed) return undefined
  if (!(await isMember(ground, meta.signed.keyId, ref))) return undefined
  return membersOf(ground, anchorOf(meta.signed))
}

/** All blobs that an acting claim stands in. */
async function refsOfClaim(ground: Ground, claim: ClaimRow): Promise<BlobRef[]> {
  return claim.isTwinned ? twinsOf(ground, claim) : [claim.ref]
}

/** Acting claims about any of `refs`, in the order of their effect, up to `at`. */
export async function* actingClaims(
  ground: Ground,
  refs: readonly BlobRef[],
  classes: readonly ClaimClass[],
  at?: Nanoseconds,
): AsyncGenerator<ClaimRow> {
  const horizon = ground.horizon()
  const until = at !== undefined && dateText(at) < horizon ? dateText(at) : horizon
  // Nothing is due yet.
  if (until === '') return
  const ranges = refs.flatMap(ref => classes.map(claimClass => `claim|${ref}|${claimClass}|`))
  const streams = ranges.map(prefix =>
    ground.rows.scan({ from: prefix, until: `${prefix}${until}|\u{10ffff}` }),
  )
  let tied: ClaimRow[] = []
  for await (const [key, value] of mergeRows(streams)) {
    const claim = await actingClaim(ground, readClaim(key, value))
    if (!claim) continue
    if (tied[0] !== undefined && placeOf(tied[0]) !== placeOf(claim)) {
      yield* tied.sort(byPayload)
      tied = []
    }
    tied.push(claim)
  }
  yield* tied.sort(byPayload)
}

/** Whether a delete that is not itself deleted names any of `refs`. Dates play no part. */
export async function isDeleted(ground: Ground, refs: readonly BlobRef[]): Promise<boolean> {
  const aimed = await ground.rows.getMany(refs.map(ref => `aimed|${ref}`))
  const targets = refs.filter((_, i) => aimed[i] !== undefined)
  for await (const claim of actingClaims(ground, targets, ['d'])) {
    if (!(await isDeleted(ground, await refsOfClaim(ground, claim)))) return true
  }
  return false
}

/** Folds the claims about a permanode that are not deleted, as they were at `at`. */
export async function foldPermanode(
  ground: Ground,
  members: readonly BlobRef[],
  at?: Nanoseconds,
): Promise<Folded> {
  const attributes: Attributes = new Map()
  let modified: string | undefined
  let last: string | undefined
  for await (const { claim, isLive } of withDeletes(
    ground,
    actingClaims(ground, members, ['a'], at),
  )) {
    last = placeOf(claim)
    if (!isLive || !isAttributeClaim(claim.body)) continue
    if (applyClaim(attributes, claim.body)) modified = claim.date
  }
  return { attributes, modified, last }
}

/** Says of each claim whether it is deleted. Few are: the ones nothing aims at cost one look-up, many together. */
export async function* withDeletes(
  ground: Ground,
  claims: AsyncIterable<ClaimRow>,
): AsyncGenerator<{ claim: ClaimRow; isLive: boolean }> {
  let chunk: ClaimRow[] = []
  for await (const claim of claims) {
    chunk.push(claim)
    if (chunk.length < FOLD_CLAIMS_MAX) continue
    yield* judge(ground, chunk)
    chunk = []
  }
  yield* judge(ground, chunk)
}

async function* judge(
  ground: Ground,
  claims: readonly ClaimRow[],
): AsyncGenerator<{ claim: ClaimRow; isLive: boolean }> {
  const aimed =
    claims.length === 0 ? [] : await ground.rows.getMany(claims.map(claim => `aimed|${claim.ref}`))
  for (const [i, claim] of claims.entries()) {
    const isSuspect = claim.isTwinned || aimed[i] !== undefined
    const isLive = !isSuspect || !(await isDeleted(ground, await refsOfClaim(ground, claim)))
    yield { claim, isLive }
  }
}

/** Date and key: what orders claims before their signed bytes do. */
export function placeOf(claim: Pick<ClaimRow, 'date' | 'keyId'>): string {
  return `${claim.date}|${claim.keyId}`
}

function byPayload(a: ClaimRow, b: ClaimRow): number {
  if (a.payload === b.payload) return 0
  return a.payload < b.payload ? -1 : 1
}

type Row = readonly [key: string, value: string]

/** Rows of several ranges in the order of date, key and claim. */
async function* mergeRows(streams: readonly AsyncIterable<Row>[]): AsyncGenerator<Row> {
  const [only, second] = streams
  if (second === undefined) {
    if (only) yield* only
    return
  }
  const iterators = streams.map(stream => stream[Symbol.asyncIterator]())
  try {
    const heads = await Promise.all(iterators.map(async iterator => nextOf(iterator)))
    for (;;) {
      const first = indexOfFirst(heads)
      const head = heads[first]
      const iterator = iterators[first]
      if (!head || !iterator) return
      yield head
      heads[first] = await nextOf(iterator)
    }
  } finally {
    await Promise.all(iterators.map(async iterator => iterator.return?.()))
  }
}

async function nextOf(iterator: AsyncIterator<Row>): Promise<Row | undefined> {
  const next = await iterator.next()
  return next.done === true ? undefined : next.value
}

function indexOfFirst(heads: readonly (Row | undefined)[]): number {
  let first = -1
  for (const [i, head] of heads.entries()) {
    const best = heads[first]
    if (head && (!best || orderOf(head[0]) < orderOf(best[0]))) first = i
  }
  return first
}

/** A claim row's key from its date on. */
function orderOf(key: string): string {
  return key.split('|').slice(3).join('|')
}
