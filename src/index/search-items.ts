import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import type { FileFacts, Nanoseconds, SchemaBlob } from '../schema/schema-blob.ts'
import { parseTime } from '../schema/time.ts'
import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import { LOOKED_AT_TOGETHER, RELATED_MAX, TEXT_CHARACTERS_MAX } from './limits.ts'
import type { Index, PermanodeState } from './queries.ts'
import type { Constraint } from './search-query.ts'
import { type Position, decimalOf } from './search-strings.ts'

/** A blob that may be what is searched for. */
export interface Candidate {
  readonly ref: BlobRef
  /** Undefined for data. */
  readonly type: string | undefined
}

/** Whether a constraint holds of blobs. Each question about one blob is asked once, while it is looked at. */
export interface Matcher {
  readonly matches: (candidate: Candidate, constraint: Constraint) => Promise<boolean>
  readonly facts: ItemFacts
}

/** What is known of single blobs is read from this. */
export interface ItemGround {
  readonly index: Pick<Index, 'permanode' | 'claims' | 'facts' | 'meta'>
  readonly fetch: (ref: BlobRef) => Promise<Uint8Array | undefined>
}

/** What a search is answered from. */
export interface SearchGround extends ItemGround {
  readonly index: ItemGround['index'] & Pick<Index, 'edgesTo' | 'permanodesSaid' | 'filesOfContent'>
  /** In bytes; undefined for what is not here. */
  readonly sizeOf: (ref: BlobRef) => Promise<number | undefined>
  /** Undefined for what is not here. */
  readonly candidate: (ref: BlobRef) => Promise<Candidate | undefined>
  /** Unix time in nanoseconds. */
  readonly now: () => Nanoseconds
}

/** What is known of a file. */
export interface FileItem {
  readonly name: string
  readonly size: number
  readonly mediaType: string
  readonly facts: FileFacts | undefined
  /** When its content was made, and when it was last changed: the same where only one is known. */
  readonly times: { readonly first: Nanoseconds; readonly last: Nanoseconds } | undefined
}

/** What is known of single blobs. */
export interface Items {
  readonly permanode: (ref: BlobRef, at?: Nanoseconds) => Promise<PermanodeState | undefined>
  /** Says what the state of a permanode is now, so that nobody has to ask. */
  readonly know: (ref: BlobRef, state: PermanodeState) => void
  readonly file: (ref: BlobRef) => Promise<FileItem | undefined>
  readonly schema: (ref: BlobRef) => Promise<SchemaBlob | undefined>
  /** When what a permanode is about was made: PROTOCOL 12, "created". */
  readonly created: (ref: BlobRef, at?: Nanoseconds) => Promise<Nanoseconds>
  readonly position: (ref: BlobRef, at?: Nanoseconds) => Promise<Position | undefined>
  /** What a permanode says in words, and what it is about does: titles, tags, names, texts; none too long. */
  readonly texts: (ref: BlobRef, at?: Nanoseconds) => Promise<readonly string[]>
}

/** What is known of blobs, and of what refers to them. */
export interface ItemFacts extends Items {
  /** Permanodes of which a claim named `ref` once: those that still do are among them. */
  readonly namers: (ref: BlobRef) => Promise<readonly BlobRef[]>
  /** Schema that refers to `ref`, and is of the type. */
  readonly holders: (ref: BlobRef, type: SchemaBlob['type']) => Promise<readonly BlobRef[]>
  readonly ground: SearchGround
}

export const VENUE_ATTRIBUTE = 'foursquareVenuePermanode'

/** Perkeep's rule for what no one wants to see among other things. */
export function isHidden({ attributes }: PermanodeState): boolean {
  return (
    attributes.get('camliDefVis')?.includes('hide') === true ||
    attributes.get('camliNodeType')?.[0] === 'foursquare.com:venue'
  )
}

/** What Peerkeep keeps for itself about devices is nothing that a person looks for. */
export function isOwnAffair({ key }: Pick<PermanodeState, 'key'>): boolean {
  return key !== undefined && /^peerkeep:(?!backup:)/.test(key)
}

export function openFacts(ground: SearchGround): ItemFacts {
  return {
    ...openItems(ground),
    namers: async ref => namersOf(ground, ref),
    holders: async (ref, type) => holdersOf(ground, ref, type),
    ground,
  }
}

export function openItems(ground: ItemGround): Items {
  const { index } = ground
  const states = remembered<PermanodeState | undefined>(async (ref, at) => index.permanode(ref, at))
  const permanode = states.ask
  const file = remembered(async ref => readFileItem(ground, ref)).ask

  async function content(state: PermanodeState): Promise<FileItem | undefined> {
    const ref = state.attributes.get(CONTENT_ATTRIBUTE)?.[0]
    return isBlobRef(ref) ? file(ref) : undefined
  }

  async function created(ref: BlobRef, at?: Nanoseconds): Promise<Nanoseconds> {
    const state = await permanode(ref, at)
    if (!state) return 0n
    const said = timeOf(state, ['paymentDueDate', 'startDate', 'dateCreated'])
    if (said !== undefined) return said
    const item = await content(state)
    return (
      item?.times?.first ??
      timeOf(state, ['datePublished', 'dateModified']) ??
      (await contentDate(ground, state, at)) ??
      state.modified
    )
  }

  async function position(ref: BlobRef, at?: Nanoseconds): Promise<Position | undefined> {
    const state = await permanode(ref, at)
    if (!state) return undefined
    const own = positionOf(state)
    if (own) return own
    const venue = state.attributes.get(VENUE_ATTRIBUTE)?.[0]
    if (
      state.attributes.get('camliNodeType')?.[0] === 'foursquare.com:checkin' &&
      isBlobRef(venue)
    ) {
      const there = await permanode(venue, at)
      return there && positionOf(there)
    }
    const item = await content(state)
    return item && positionOfFile(item)
  }

  async function texts(ref: BlobRef, at?: Nanoseconds): Promise<readonly string[]> {
    const state = await permanode(ref, at)
    if (!state) return []
    const own = TEXT_ATTRIBUTES.flatMap(name => state.attributes.get(name) ?? [])
    const contents = (state.attributes.get(CONTENT_ATTRIBUTE) ?? []).filter(isBlobRef)
    const files = await Array.fromAsync(contents, async content => file(content))
    return shortened([...own, ...files.flatMap(textsOfFile)])
  }

  return {
    permanode,
    know: states.know,
    file,
    schema: async ref => readSchema(ground, ref),
    created,
    position,
    texts,
  }
}

/** What a person writes of something, in words. */
const TEXT_ATTRIBUTES = ['title', 'description', 'content', 'tag']

function textsOfFile(item: FileItem | undefined): readonly string[] {
  if (!item) return []
  const { keywords = [], mediaTags = {}, text } = item.facts ?? {}
  return [
    item.name,
    ...keywords,
    ...Object.values(mediaTags),
    ...(text === undefined ? [] : [text]),
  ]
}

/** So many characters in all; what is behind is not found by its words. */
function shortened(texts: readonly string[]): readonly string[] {
  const kept: string[] = []
  let left = TEXT_CHARACTERS_MAX
  for (const text of texts) {
    if (left <= 0) break
    kept.push(text.slice(0, left).toWellFormed())
    left -= text.length
  }
  return kept
}

async function readSchema(
  { index, fetch }: ItemGround,
  ref: BlobRef,
): Promise<SchemaBlob | undefined> {
  const bytes = (await index.meta(ref)) && (await fetch(ref))
  return bytes && parseSchema(bytes)
}

async function readFileItem(ground: ItemGround, ref: BlobRef): Promise<FileItem | undefined> {
  const file = (await ground.index.meta(ref))?.file
  if (!file) return undefined
  const { name, bytes: size, mtime } = file
  const facts = await ground.index.facts(ref)
  const taken = facts?.taken === undefined ? undefined : parseTime(`${facts.taken}Z`)
  const known = taken === undefined ? [] : [taken]
  if (mtime !== undefined) known.push(mtime)
  const [first, last = first] = known.sort((a, b) => (a < b ? -1 : 1))
  return {
    name,
    size,
    mediaType: facts?.mediaType ?? '',
    facts,
    times: first === undefined || last === undefined ? undefined : { first, last },
  }
}

/** Date of the claim that made the content what it is. */
async function contentDate(
  { index }: ItemGround,
  state: PermanodeState,
  at?: Nanoseconds,
): Promise<Nanoseconds | undefined> {
  const value = state.attributes.get(CONTENT_ATTRIBUTE)?.[0]
  if (value === undefined) return undefined
  let date: Nanoseconds | undefined
  for await (const claim of index.claims(state.ref)) {
    if (claim.isDeleted || !('attribute' in claim.body)) continue
    const { attribute, claimType } = claim.body
    if (attribute !== CONTENT_ATTRIBUTE || claimType === 'del-attribute') continue
    if (claim.body.value === value && (at === undefined || claim.date <= at)) date = claim.date
  }
  return date
}

async function namersOf(ground: SearchGround, ref: BlobRef): Promise<readonly BlobRef[]> {
  const found = new Set<BlobRef>()
  for (const by of await holdersOf(ground, ref, 'claim')) {
    const claim = await readSchema(ground, by)
    if (claim?.type === 'claim' && 'permanode' in claim.claim) found.add(claim.claim.permanode)
  }
  return [...found]
}

async function holdersOf(
  { index }: SearchGround,
  ref: BlobRef,
  type: SchemaBlob['type'],
): Promise<readonly BlobRef[]> {
  const found: BlobRef[] = []
  for await (const by of index.edgesTo(ref)) {
    if (found.length >= RELATED_MAX) break
    if ((await index.meta(by))?.type === type) found.push(by)
  }
  return found
}

/** Answers of the last questions: the tests of one candidate ask the same again. */
function remembered<Value>(look: (ref: BlobRef, at?: Nanoseconds) => Promise<Value>): {
  readonly ask: (ref: BlobRef, at?: Nanoseconds) => Promise<Value>
  readonly know: (ref: BlobRef, value: Value) => void
} {
  const answers = new Map<string, Promise<Value>>()
  const know = (key: string, answer: Promise<Value>): void => {
    if (answers.size >= REMEMBERED_MAX) answers.clear()
    answers.set(key, answer)
  }
  return {
    async ask(ref, at) {
      const key = at === undefined ? ref : `${ref} ${at}`
      const known = answers.get(key)
      if (known) return known
      const answer = look(ref, at)
      know(key, answer)
      return answer
    },
    know: (ref, value) => know(ref, Promise.resolve(value)),
  }
}

/** As many as are looked at together; a permanode may be as large as a row of the index, few are. */
const REMEMBERED_MAX = 2 * LOOKED_AT_TOGETHER

function timeOf(state: PermanodeState, attributes: readonly string[]): Nanoseconds | undefined {
  for (const attribute of attributes) {
    const time = parseTime(state.attributes.get(attribute)?.[0] ?? '')
    if (time !== undefined) return time
  }
  return undefined
}

function positionOf({ attributes }: PermanodeState): Position | undefined {
  const [latitude, longitude] = ['latitude', 'longitude'].map(name =>
    decimalOf(attributes.get(name)?.[0] ?? ''),
  )
  if (latitude === undefined || longitude === undefined) return undefined
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180
    ? { latitude, longitude }
    : undefined
}

export function positionOfFile({ facts }: FileItem): Position | undefined {
  const { latitude, longitude } = facts ?? {}
  return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude }
}
