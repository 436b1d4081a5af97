import type { Clock } from '../base/clock.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { SizedRef } from '../blob/store.ts'
import type { DocumentTables } from './document-tables.ts'
import { isShown as isShownState } from './document.ts'
import { LOOKED_AT_TOGETHER, MAP_RESULTS_MAX, PLAN_PROBE_MAX } from './limits.ts'
import type { Index } from './queries.ts'
import type { Candidate, Matcher } from './search-items.ts'
import { spreadOverMap } from './search-map.ts'
import { openMatcher } from './search-match.ts'
import { type Found, type Page, openPage } from './search-page.ts'
import { type Source, narrowestBesideTables, narrowestSource } from './search-plan.ts'
import { type DocumentPlace, planWalk, unlisted } from './search-walk.ts'
import type { SearchQuery, SearchResult, SearchSort } from './search-query.ts'
import { isOfPermanodes } from './search-read.ts'
import { type Position, areaOf } from './search-strings.ts'

/** What a search looks at, and is handed by whoever opens it. */
export interface SearchParts {
  readonly index: () => Index
  readonly fetch: (ref: BlobRef) => Promise<Uint8Array | undefined>
  readonly stat: (refs: readonly BlobRef[]) => Promise<readonly (number | undefined)[]>
  /** All blobs that are here, in order. */
  readonly enumerate: () => AsyncIterable<SizedRef>
  readonly clock: Clock
}

/**
 * Finds what a constraint holds of, as Perkeep's search does, with one difference in what counts: attributes are what
 * describe shows, at whichever time, and what is deleted is not found. Memory is that of one page.
 */
export interface Search {
  /** Rejects with the signal's reason once it is aborted. */
  readonly run: (query: SearchQuery, options?: { signal?: AbortSignal }) => Promise<SearchResult>
}

export function openSearch(parts: SearchParts): Search {
  return {
    async run(query, { signal } = {}) {
      const matcher = matcherOf(parts)
      const page = await pageOf(matcher, query)
      const looking = page && (await lookFor(parts, matcher, query))
      let looked = 0
      for await (const blobs of looking?.candidates() ?? []) {
        signal?.throwIfAborted()
        looked += blobs.length
        const found = await Promise.all(blobs.map(async blob => placeOf(matcher, blob, query)))
        for (const place of found) if (place) page?.add(place)
        looking?.found(found.filter(place => place !== undefined).length)
      }
      const { refs, next } = page?.found() ?? { refs: [], next: undefined }
      const explanation = { source: looking?.name ?? 'nothing', looked }
      return { ...(await answerOf(matcher, query, refs)), next, explanation }
    },
  }
}

/** Where a search looks. */
interface Looking {
  readonly name: string
  /** Some at a time, which are looked at together. */
  readonly candidates: () => AsyncIterable<readonly Placed[]>
  /** Says how many of the last ones are found: where they come in order, the page may be full. */
  readonly found: (count: number) => void
}

interface Placed extends Candidate {
  /** Its place in the order, where that is known. */
  readonly time?: bigint
  /** It is known to be found. */
  readonly isSure?: boolean
}

async function lookFor(parts: SearchParts, matcher: Matcher, query: SearchQuery): Promise<Looking> {
  const tables = isOfPermanodes(query.constraint) ? await parts.index().documents() : undefined
  if (tables) return lookInTables(parts, { matcher, query, tables })
  const source = await narrowestSource(matcher.facts, query.constraint)
  return {
    name: source?.name ?? everything(query),
    candidates: () => candidatesOf(parts, { matcher, query, source }),
    found: () => undefined,
  }
}

interface TableRun {
  readonly matcher: Matcher
  readonly query: SearchQuery
  readonly tables: DocumentTables
}

async function lookInTables(
  parts: SearchParts,
  { matcher, query, tables }: TableRun,
): Promise<Looking> {
  const now = matcher.facts.ground.now()
  const found = await rareSource(parts, { matcher, query, tables })
  const walk = await planWalk({ tables, query, now, found })
  const perWay = query.sort === 'map' ? MAP_RESULTS_MAX : query.limit
  let count = 0

  async function* along(
    pieces: AsyncIterable<readonly DocumentPlace[]>,
  ): AsyncGenerator<readonly Placed[]> {
    count = 0
    for await (const places of pieces)
      for (const some of piecesOf(places, perWay)) {
        yield present(parts, matcher, some)
        if (count >= perWay) return
      }
  }

  async function* candidates(): AsyncGenerator<readonly Placed[]> {
    const { around } = query
    if (around === undefined) {
      yield* along(walk.places(query.after))
      return
    }
    const place = { ref: around, time: await timeOf(matcher, { ref: around }, query.sort) }
    yield [{ ref: around, type: 'permanode' }]
    yield* along(walk.places(place))
    yield* along(walk.places(place, true))
  }

  return { name: walk.name, candidates, found: more => void (count += more) }
}

/** Those that are sure are counted, not looked at: no more of them than fill a page. */
function* piecesOf(
  places: readonly DocumentPlace[],
  perWay: number,
): Generator<readonly DocumentPlace[]> {
  const size = places.every(({ isSure }) => isSure) ? perWay : LOOKED_AT_TOGETHER
  for (let at = 0; at < places.length; at += size) yield places.slice(at, at + size)
}

/** Those that are here, and what is known of them where it is asked for. */
async function present(
  { stat, index }: SearchParts,
  { facts }: Matcher,
  places: readonly DocumentPlace[],
): Promise<readonly Placed[]> {
  const unsure = places.filter(({ isSure }) => !isSure).map(({ ref }) => ref)
  const [sizes, states] = await Promise.all([
    stat(places.map(({ ref }) => ref)),
    index().settled(unsure),
  ])
  for (const [i, ref] of unsure.entries()) if (states[i]) facts.know(ref, states[i])
  return places
    .filter((_, i) => sizes[i] !== undefined)
    .map(place => ({ ...place, type: 'permanode' }))
}

/** What no table knows, where it is little: permanodes as they once were, relations, and what has a rare value. */
async function rareSource(
  { index }: SearchParts,
  { matcher: { facts }, query: { constraint }, tables }: TableRun,
): Promise<{ readonly name: string; readonly refs: readonly BlobRef[] } | undefined> {
  const source = await narrowestBesideTables(facts, constraint)
  if (!source) return undefined
  const refs = new Set<BlobRef>()
  for await (const ref of source.refs()) {
    if (refs.size >= PLAN_PROBE_MAX) return undefined
    refs.add(ref)
  }
  // A claim names any of the blobs that are one permanode; the tables have the one that stands for all.
  for (const ref of await unlisted(tables, [...refs])) {
    refs.delete(ref)
    const standing = (await index().permanode(ref))?.ref
    if (standing !== undefined) refs.add(standing)
  }
  return { name: source.name, refs: [...refs] }
}

function everything({ constraint }: SearchQuery): string {
  return isOfPermanodes(constraint) ? 'all permanodes' : 'all blobs'
}

function matcherOf(parts: SearchParts): Matcher {
  const { index, fetch, stat, clock } = parts
  const sizeOf = async (ref: BlobRef): Promise<number | undefined> => (await stat([ref]))[0]
  return openMatcher({
    index: index(),
    fetch,
    sizeOf,
    candidate: async ref => ((await sizeOf(ref)) === undefined ? undefined : typed(index(), ref)),
    now: () => BigInt(clock.now()) * 1_000_000n,
  })
}

async function typed(index: Index, ref: BlobRef): Promise<Candidate> {
  const type = (await index.meta(ref))?.type
  // Keys, and JSON that is none of Perkeep's, are data to whoever searches.
  return { ref, type: type === 'key' || type === 'unknown' ? undefined : type }
}

/** Undefined when the blob whose surroundings are asked for is not among what is found. */
async function pageOf(matcher: Matcher, query: SearchQuery): Promise<Page | undefined> {
  if (query.sort === 'map') return openPage({ ...query, limit: MAP_RESULTS_MAX })
  if (query.around === undefined) return openPage(query)
  const blob = await matcher.facts.ground.candidate(query.around)
  if (!blob || !(await isFound(matcher, blob, query))) return undefined
  return openPage(query, { ref: blob.ref, time: await timeOf(matcher, blob, query.sort) })
}

interface Run {
  readonly matcher: Matcher
  readonly query: SearchQuery
  readonly source: Source | undefined
}

async function* candidatesOf(
  { index, enumerate, stat }: SearchParts,
  { matcher, query, source }: Run,
): AsyncGenerator<readonly Candidate[]> {
  if (source) {
    for await (const ref of source.refs()) {
      // A claim names any of the blobs that are one permanode.
      const state = await index().permanode(ref)
      const standing = state?.ref ?? ref
      if (state) matcher.facts.know(standing, state)
      if ((await stat([standing]))[0] !== undefined) yield [await typed(index(), standing)]
    }
  } else if (isOfPermanodes(query.constraint)) {
    for await (const [ref, state] of index().states()) {
      if (state?.isDeleted === true) continue
      if (state) matcher.facts.know(ref, state)
      yield [{ ref, type: 'permanode' }]
    }
  } else {
    for await (const { ref } of enumerate()) yield [await typed(index(), ref)]
  }
}

/** Its place in the answer; undefined for what is not found. */
async function placeOf(
  matcher: Matcher,
  blob: Placed,
  query: SearchQuery,
): Promise<Found | undefined> {
  if (blob.isSure !== true && !(await isFound(matcher, blob, query))) return undefined
  return { ref: blob.ref, time: blob.time ?? (await timeOf(matcher, blob, query.sort)) }
}

async function isFound(matcher: Matcher, blob: Candidate, query: SearchQuery): Promise<boolean> {
  return (await matcher.matches(blob, query.constraint)) && isShown(matcher, blob)
}

async function isShown({ facts }: Matcher, { ref, type }: Candidate): Promise<boolean> {
  if (type !== 'permanode') return true
  const state = await facts.permanode(ref)
  return state !== undefined && isShownState(ref, state)
}

async function timeOf(
  { facts }: Matcher,
  { ref }: Pick<Candidate, 'ref'>,
  sort: SearchSort,
): Promise<bigint> {
  if (sort === 'created' || sort === '-created') return facts.created(ref)
  if (sort === 'mod' || sort === '-mod') return (await facts.permanode(ref))?.modified ?? 0n
  return 0n
}

async function answerOf(
  { facts }: Matcher,
  query: SearchQuery,
  found: readonly Found[],
): Promise<Pick<SearchResult, 'refs' | 'area'>> {
  const refs = found.map(({ ref }) => ref)
  if (!query.isAboutPlaces) return { refs, area: undefined }
  const placed: (Position & { readonly ref: BlobRef })[] = []
  for (const ref of refs) {
    const position = await facts.position(ref)
    if (position) placed.push({ ...position, ref })
  }
  if (query.sort !== 'map') return { refs, area: areaOf(placed) }
  const shown = spreadOverMap(placed, query.limit)
  return { refs: shown.map(({ ref }) => ref), area: areaOf(shown) }
}
