import { prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type ClaimRow, readClaim } from './claim-row.ts'
import { type Ground, metaOf, withDeletes } from './evaluate.ts'
import { actingClaim, isMember } from './members.ts'
import type { IndexedShare } from './queries.ts'
import { claimKey, dateOfText } from './rows.ts'

/** The share that the blob `ref` is, if it acts. */
export async function queryShare(ground: Ground, ref: BlobRef): Promise<IndexedShare | undefined> {
  const signed = (await metaOf(ground.rows, ref))?.signed
  if (signed?.about === undefined || signed.claimClass !== 'x') return undefined
  if (!(await isMember(ground, signed.keyId, ref))) return undefined
  const key = claimKey(signed.about, signed.claimClass, signed)
  const value = await ground.rows.get(key)
  if (value === undefined) return undefined
  for await (const share of judged(ground, [[key, value]])) return { ...share, ref }
  return undefined
}

/** All acting shares, deleted ones too. There are no rows of shares alone: the claims are looked through. */
export async function* queryShares(ground: Ground): AsyncGenerator<IndexedShare> {
  yield* judged(ground, ground.rows.scan(prefixRange('claim|')))
}

type Row = readonly [key: string, value: string]

async function* judged(
  ground: Ground,
  rows: AsyncIterable<Row> | Iterable<Row>,
): AsyncGenerator<IndexedShare> {
  for await (const { claim, isLive } of withDeletes(ground, actingShares(ground, rows))) {
    const { ref, keyId, date, body } = claim
    if (body.claimType !== 'share') continue
    yield { ref, signer: keyId, date: dateOfText(date), body, isDeleted: !isLive }
  }
}

async function* actingShares(
  ground: Ground,
  rows: AsyncIterable<Row> | Iterable<Row>,
): AsyncGenerator<ClaimRow> {
  for await (const [key, value] of rows) {
    if (key.split('|', 3)[2] !== 'x') continue
    const claim = await actingClaim(ground, readClaim(key, value))
    if (claim?.body.claimType === 'share' && claim.date <= ground.horizon()) yield claim
  }
}
