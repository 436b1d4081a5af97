import { compareText } from '../base/text-order.ts'
import type { SearchPlace, SearchQuery } from './search-query.ts'
import { comparePlaces } from './search-strings.ts'

/** A blob that matches, and its place in the order. */
export type Found = SearchPlace

/** Keeps of what is found what belongs on one page, in memory of a few pages. What comes twice is one. */
export interface Page {
  readonly add: (found: Found) => void
  /** In order, and the last of them when there may be more behind it. */
  readonly found: () => { readonly refs: readonly Found[]; readonly next: Found | undefined }
}

/** `around` is the place of the blob whose neighbours are asked for. */
export function openPage({ limit, sort, after }: SearchQuery, around?: Found): Page {
  const direction = sort.startsWith('-') ? -1 : 1
  const isByTime = sort !== 'blobref' && sort !== 'map'
  const compare: Compare = (a, b) =>
    isByTime ? direction * comparePlaces(a, b) : compareText(a.ref, b.ref)
  if (around) return openSurroundings(around, limit, compare)
  const best = openBest(limit, compare)
  return {
    add(found) {
      if (after === undefined || compare(found, after) > 0) best.add(found)
    },
    found() {
      const refs = best.found()
      return { refs, next: isByTime && refs.length === limit ? refs.at(-1) : undefined }
    },
  }
}

type Compare = (a: Found, b: Found) => number

interface Best {
  add(found: Found): void
  found(): readonly Found[]
}

/** The first `limit` in order: twice as many are held before they are sorted again. */
function openBest(limit: number, compare: Compare): Best {
  let held: Found[] = []
  function settle(): void {
    held.sort(compare)
    held = held.filter(({ ref }, i) => held[i - 1]?.ref !== ref).slice(0, limit)
  }
  return {
    add(found) {
      held.push(found)
      if (held.length >= 2 * limit + SETTLE_SLACK) settle()
    },
    found() {
      settle()
      return held
    },
  }
}

/** So that a page of one is not sorted at every blob. */
const SETTLE_SLACK = 100

/** Half of a page on either side of a blob, more of one side where the other has less. */
function openSurroundings(around: Found, limit: number, compare: Compare): Page {
  const before = openBest(limit, (a, b) => compare(b, a))
  const behind = openBest(limit, compare)
  return {
    add: found => (compare(found, around) < 0 ? before : behind).add(found),
    found() {
      const all = [...before.found().toReversed(), ...behind.found()]
      const at = all.findIndex(({ ref }) => ref === around.ref)
      const start = Math.max(0, Math.min(at - Math.floor(limit / 2), all.length - limit))
      return { refs: all.slice(start, start + limit), next: undefined }
    },
  }
}
