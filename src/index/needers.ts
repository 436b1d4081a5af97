import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { NEEDERS_ROWS_PER_REF } from './limits.ts'
import type { MissingBlob } from './queries.ts'

/**
 * What needs each of `refs`: one walk over the edges where they lie close together, since a scan for each costs more
 * memory than it reads; else one scan for each.
 */
export async function* queryNeeders(
  rows: KeyValue,
  refs: readonly BlobRef[],
): AsyncGenerator<MissingBlob> {
  const sorted = [...refs].sort()
  const [first, last] = [sorted[0], sorted.at(-1)]
  if (first === undefined || last === undefined) return
  const asked = new Set(sorted)
  let left = NEEDERS_ROWS_PER_REF * sorted.length
  let from = `back|${first}|`
  for await (const [key, isNeeded] of rows.scan({
    from,
    until: prefixRange(`back|${last}|`).until,
  })) {
    from = key
    left -= 1
    if (left < 0) break
    yield* needOf([key, isNeeded], asked)
  }
  if (left >= 0) return
  const [, reached = ''] = from.split('|')
  for (const ref of sorted.filter(known => known >= reached)) {
    for await (const row of rows.scan(prefixRange(`back|${ref}|`))) yield* needOf(row, asked)
  }
}

function needOf(
  [key, isNeeded]: readonly [key: string, value: string],
  asked: ReadonlySet<BlobRef>,
): MissingBlob[] {
  const [, needed, by] = key.split('|') as [string, BlobRef, BlobRef]
  return isNeeded !== '' && asked.has(needed) ? [{ needed, by }] : []
}
