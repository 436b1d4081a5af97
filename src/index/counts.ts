import type { Draft } from './draft.ts'

/** What `counts` keeps, while a batch is made. */
export interface Counts {
  metaBlobs: number
  claims: number
  permanodes: number
  missing: number
}

/** The row must be loaded. */
export function readCounts(draft: Draft): Counts {
  return parseCounts(draft.get('counts'))
}

export function parseCounts(text: string | undefined): Counts {
  if (text === undefined) return { metaBlobs: 0, claims: 0, permanodes: 0, missing: 0 }
  const [metaBlobs, claims, permanodes, missing] = JSON.parse(text) as [
    number,
    number,
    number,
    number,
  ]
  return { metaBlobs, claims, permanodes, missing }
}

export function writeCounts(
  draft: Draft,
  { metaBlobs, claims, permanodes, missing }: Counts,
): void {
  draft.put('counts', JSON.stringify([metaBlobs, claims, permanodes, missing]))
}
