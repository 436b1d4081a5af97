import { type KeyValue, type KeyValueOperation, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'

export interface NotedBlob {
  readonly ref: BlobRef
  /** Milliseconds since 1970. */
  readonly since: number
}

/** Noted blobs that are looked at together, and written in one batch. */
export const NOTED_PAGE_REFS = 1000

/** Behind it the ref; the value is when it was noted. */
const ROW_PREFIX = 'loose '

/** Notes blobs. Resolves once that outlives a power cut. */
export async function noteRefs(
  state: KeyValue,
  refs: readonly BlobRef[],
  now: number,
): Promise<void> {
  for (let at = 0; at < refs.length; at += NOTED_PAGE_REFS) {
    const page = refs.slice(at, at + NOTED_PAGE_REFS)
    const rows = page.map(
      ref => ({ type: 'put', key: ROW_PREFIX + ref, value: String(now) }) as const,
    )
    await state.batch(rows, { sync: true })
  }
}

/** Everything that is noted, in order. */
export async function* scanNoted(state: KeyValue): AsyncGenerator<NotedBlob> {
  for await (const row of state.scan(prefixRange(ROW_PREFIX))) yield notedBlob(row)
}

/** The next page of what is noted, behind `after`. */
export async function notedAfter(
  state: KeyValue,
  after: BlobRef | undefined,
): Promise<NotedBlob[]> {
  const range = prefixRange(ROW_PREFIX)
  const from = after === undefined ? range.from : `${ROW_PREFIX}${after}!`
  const rows = await Array.fromAsync(state.scan({ ...range, from, limit: NOTED_PAGE_REFS }))
  return rows.map(notedBlob)
}

function notedBlob([key, value]: readonly [key: string, value: string]): NotedBlob {
  return { ref: key.slice(ROW_PREFIX.length) as BlobRef, since: Number(value) }
}

/** What forgets that a blob was noted. */
export function deletionOf(ref: BlobRef): KeyValueOperation {
  return { type: 'delete', key: ROW_PREFIX + ref }
}
