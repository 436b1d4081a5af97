import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import type { Ground } from './evaluate.ts'
import { SETTLE_ROWS_MAX, SLEEPING_KEYS_MAX } from './limits.ts'
import type { SleepingKey } from './queries.ts'
import { lastField, readMeta } from './rows.ts'

type Counted = { -readonly [Field in keyof SleepingKey]: SleepingKey[Field] }

/**
 * What sleeps, by key, that with the most claims first. Only rows of what nobody's key signed are looked through: none
 * at all in a home that adopted its old key.
 */
export async function querySleeping(
  { rows, isOwn }: Pick<Ground, 'rows' | 'isOwn'>,
  rowsMax = Infinity,
): Promise<SleepingKey[]> {
  const found = new Map<string, Counted>()
  const looked = await countSleeping(rows, found, rowsMax)
  const waited = await countWaiting(rows, found, rowsMax)
  const isAtLeast = looked >= rowsMax || waited >= rowsMax
  await nameKeys(rows, found)
  return [...found.values()]
    .filter(({ keyId }) => keyId === undefined || !isOwn(keyId))
    .map(counted => ({ ...counted, isAtLeast }))
    .sort((a, b) => b.claims - a.claims || b.signed - a.signed)
}

/** Counts what is verified. Answers how many rows were looked through. */
async function countSleeping(
  rows: KeyValue,
  found: Map<string, Counted>,
  limit: number,
): Promise<number> {
  let looked = 0
  for await (const [, text] of rows.scan({ ...prefixRange('meta|f|'), ...bounded(limit) })) {
    looked += 1
    const { type, signed } = readMeta(text)
    if (signed) count(found, signed.keyId, { keyId: signed.keyId, isClaim: type === 'claim' })
  }
  return looked
}

/** Counts what waits for its key, which only the ref tells apart. */
async function countWaiting(
  rows: KeyValue,
  found: Map<string, Counted>,
  limit: number,
): Promise<number> {
  let looked = 0
  let page: string[] = []
  const countPage = async (): Promise<void> => {
    const metas = await rows.getMany(page.map(key => `meta|f|${lastField(key)}`))
    for (const [i, key] of page.entries()) {
      const keyRef = key.split('|')[1] as BlobRef
      const text = metas[i]
      count(found, keyRef, {
        keyRef,
        isClaim: text !== undefined && readMeta(text).type === 'claim',
      })
    }
    page = []
  }
  for await (const [key] of rows.scan({ ...prefixRange('wait|'), ...bounded(limit) })) {
    looked += 1
    page.push(key)
    if (page.length >= SETTLE_ROWS_MAX) await countPage()
  }
  await countPage()
  return looked
}

interface Seen {
  readonly keyId?: KeyId
  readonly keyRef?: BlobRef
  readonly isClaim: boolean
}

function count(found: Map<string, Counted>, name: string, { keyId, keyRef, isClaim }: Seen): void {
  const known = found.get(name)
  if (!known && found.size >= SLEEPING_KEYS_MAX) return
  const counted = known ?? { keyId, keyRef, signed: 0, claims: 0, isAtLeast: false }
  counted.signed += 1
  if (isClaim) counted.claims += 1
  found.set(name, counted)
}

/** Finds the blobs of the keys: they lie under their refs, and there are few. */
async function nameKeys(rows: KeyValue, found: ReadonlyMap<string, Counted>): Promise<void> {
  if (found.size === 0) return
  for await (const [key, text] of rows.scan(prefixRange('key|'))) {
    const [keyId] = JSON.parse(text) as [KeyId]
    const counted = found.get(keyId)
    if (counted) counted.keyRef ??= lastField(key) as BlobRef
  }
}

function bounded(limit: number): { limit?: number } {
  return limit === Infinity ? {} : { limit }
}
