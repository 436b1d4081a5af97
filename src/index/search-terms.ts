import { endOfDate, parseTime } from '../schema/time.ts'
import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import { checkPrefix, checkRectangle, checkWords } from './search-constraints.ts'
import { badQuery } from './search-fields.ts'
import type {
  Constraint,
  FileConstraint,
  NumberConstraint,
  PermanodeConstraint,
  Rectangle,
  StringConstraint,
} from './search-query.ts'

/** A term of an expression: `predicate:value:value`. */
export interface SearchTerm {
  readonly predicate: string
  readonly values: readonly string[]
  /** Where it stands, from 0. */
  readonly at: number
}

/** What the names in an expression mean, found out before it is read. */
export interface KnownNames {
  /** Where a place is; empty or undefined for an unknown one. */
  readonly place: (name: string) => readonly Rectangle[] | undefined
  /** The expression of a saved search. */
  readonly saved: (name: string) => string | undefined
}

export const noNames: KnownNames = { place: () => undefined, saved: () => undefined }

/** What a term asks for. Throws `BAD_USAGE` for one that there is not, or that is not complete. */
export function constraintOfTerm(term: SearchTerm, names: KnownNames): Constraint {
  const { predicate, values, at } = term
  const rule = Object.hasOwn(rules, predicate) ? rules[predicate] : undefined
  if (!rule)
    throw badQuery(
      `"${predicate}:" at ${at + 1} is unknown; there are ${Object.keys(rules).join(': ')}:`,
    )
  if (values.length !== (rule.values ?? 1))
    throw badQuery(`"${predicate}:" at ${at + 1} is written ${rule.example}`)
  const [first = '', second = ''] = values
  return rule.read(first, second, names)
}

interface Rule {
  /** How many values there must be, 1 unless said. */
  readonly values?: number
  readonly example: string
  readonly read: (value: string, second: string, names: KnownNames) => Constraint
}

const rules: Readonly<Record<string, Rule>> = {
  tag: {
    example: 'tag:holiday',
    read: value => attribute({ attr: 'tag', ...exactly(value), skipHidden: true }),
  },
  title: {
    example: 'title:lake',
    read: value => attribute({ attr: 'title', valueMatches: anyCase(value), skipHidden: true }),
  },
  text: {
    example: 'text:invoice, or text:"annual report"',
    read: value => attribute({ text: checkWords(value, 'text:'), skipHidden: true }),
  },
  rating: {
    example: 'rating:5, rating:3- or rating:-2',
    read: value => content({ rating: span(value, 'rating') }),
  },
  attr: { values: 2, example: 'attr:name:value, or attr:name:~part', read: attributeTerm },
  ref: {
    example: 'ref:sha224-d0b9',
    read: value => ({ blobRefPrefix: checkPrefix(value, 'ref:') }),
  },
  childrenof: { example: 'childrenof:sha224-d0b9', read: value => related('parent', value) },
  parentof: { example: 'parentof:sha224-d0b9', read: value => related('child', value) },
  before: {
    example: 'before:2026-03',
    read: value => attribute({ time: { before: timeOf(value) }, skipHidden: true }),
  },
  after: {
    example: 'after:2026-03',
    read: value => attribute({ time: { after: timeOf(value) }, skipHidden: true }),
  },
  format: {
    example: 'format:jpg',
    read: value => content({ mimeType: { equals: format(value) } }),
  },
  type: { example: 'type:video, or type:image/png', read: typeTerm },
  filename: {
    example: 'filename:*.jpg',
    read: value => content({ fileName: namePattern(value) }),
  },
  width: {
    example: 'width:640, or width:640-1920',
    read: value => content({ isImage: true, width: span(value, 'width') }),
  },
  height: {
    example: 'height:480, or height:480-1080',
    read: value => content({ isImage: true, height: span(value, 'height') }),
  },
  is: { example: 'is:image', read: isTerm },
  has: {
    example: 'has:location',
    read: value => {
      if (value !== 'location') throw badQuery('after "has:" comes location')
      return attribute({ location: { rectangle: undefined } })
    },
  },
  locrect: { example: 'locrect:48,46,8,11 (north, south, west, east)', read: rectangleTerm },
  loc: {
    example: 'loc:Paris, or loc:"New York"',
    read: (value, _, names) => placeTerm(value, names),
  },
  named: { example: 'named:lake-trip', read: () => ({ anything: false }) },
  with: { example: 'with:Ana', read: withTerm },
}

function attribute(permanode: PermanodeConstraint): Constraint {
  return { permanode }
}

/** What a permanode's content must be. */
function content(file: FileConstraint): Constraint {
  return attribute({ attr: CONTENT_ATTRIBUTE, valueInSet: { file } })
}

/** An empty text in quotes asks for empty values, of which there are none. */
function exactly(value: string): Pick<PermanodeConstraint, 'value' | 'valueMatches'> {
  return value === '' ? { valueMatches: { empty: true } } : { value }
}

function anyCase(contains: string): StringConstraint {
  return { contains, caseInsensitive: true }
}

function attributeTerm(attr: string, value: string): Constraint {
  if (attr === '') throw badQuery('"attr:" needs the name of an attribute')
  const tested = value.startsWith('~') ? { valueMatches: anyCase(value.slice(1)) } : exactly(value)
  return attribute({ attr, ...tested, skipHidden: true })
}

function related(relation: 'parent' | 'child', prefix: string): Constraint {
  const constraint = { blobRefPrefix: checkPrefix(prefix, 'the value') }
  return attribute({ relation: { relation, edgeType: undefined, isAll: false, constraint } })
}

const TIME_TAIL = '0000-01-01T00:00:00Z'

/** A time, or its beginning: what is missing is the earliest there is. */
function timeOf(text: string): bigint {
  const time = parseTime(text) ?? parseTime(text + TIME_TAIL.slice(text.length))
  if (time !== undefined) return time
  throw badQuery(`"${text.slice(0, 50)}" is no date; one looks like 2026, 2026-03 or 2026-03-04`)
}

/** The last nanosecond of a time, or of the year, month or day that its beginning names. */
export function endOfTime(text: string): bigint {
  const end = /^[\d-]+$/.test(text) ? endOfDate(text) : undefined
  return end === undefined ? timeOf(text) : BigInt(end) * 1_000_000n - 1n
}

function format(value: string): string {
  const known: Readonly<Record<string, string>> = {
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    gif: 'image/gif',
    png: 'image/png',
    pdf: 'application/pdf',
  }
  if (value.includes('/')) return value
  const type = Object.hasOwn(known, value) ? known[value] : undefined
  if (type !== undefined) return type
  throw badQuery(
    `the format ${value.slice(0, 50)} is unknown; there are ${Object.keys(known).join(', ')}, and media types such as image/webp`,
  )
}

const KINDS: Readonly<Record<string, string>> = {
  image: 'image/',
  video: 'video/',
  audio: 'audio/',
  text: 'text/',
}

function typeTerm(value: string): Constraint {
  if (value.includes('/')) return content({ mimeType: { equals: value } })
  const hasPrefix = Object.hasOwn(KINDS, value) ? KINDS[value] : undefined
  if (hasPrefix !== undefined) return content({ mimeType: { hasPrefix } })
  throw badQuery(
    `the type ${value.slice(0, 50)} is unknown; there are ${Object.keys(KINDS).join(', ')}, and media types such as image/png`,
  )
}

/** `*` at one end or both, or nowhere. */
function namePattern(value: string): StringConstraint {
  const isOpenStart = value.startsWith('*')
  const isOpenEnd = value.length > 1 && value.endsWith('*')
  const name = value.slice(isOpenStart ? 1 : 0, isOpenEnd ? -1 : undefined)
  if (/[*?[\]]/.test(name))
    throw badQuery('a name can have * at its beginning and its end, nowhere else')
  if (isOpenStart && isOpenEnd) return { contains: name }
  if (isOpenStart) return { hasSuffix: name }
  return isOpenEnd ? { hasPrefix: name } : { equals: name }
}

function span(value: string, what: string): NumberConstraint {
  const match = /^(\d{1,10})?(-)?(\d{1,10})?$/.exec(value)
  const [, low, dash, high] = match ?? []
  if (!match || (low === undefined && high === undefined) || (dash === undefined && high))
    throw badQuery(
      `${what} is written ${what}:640, ${what}:640-, ${what}:-1920 or ${what}:640-1920`,
    )
  const min = low === undefined ? undefined : Number(low)
  if (dash === undefined) return { min, max: min }
  return { min, max: high === undefined ? undefined : Number(high) }
}

const KNOWN: Readonly<Record<string, Constraint>> = {
  image: content({ isImage: true }),
  landscape: content({ isImage: true, ratio: { min: 1 } }),
  portrait: content({ isImage: true, ratio: { max: 1 } }),
  pano: content({ isImage: true, ratio: { min: 2 } }),
  untagged: attribute({ attr: 'tag', numValue: { max: 0 } }),
  post: attribute({ attr: 'camliNodeType', value: 'twitter.com:tweet' }),
  like: attribute({ attr: 'camliNodeType', value: 'twitter.com:like' }),
  checkin: attribute({ attr: 'camliNodeType', value: 'foursquare.com:checkin' }),
}

function isTerm(value: string): Constraint {
  const known = Object.hasOwn(KNOWN, value) ? KNOWN[value] : undefined
  if (known) return known
  throw badQuery(`after "is:" comes one of ${Object.keys(KNOWN).join(', ')}`)
}

function rectangleTerm(value: string): Constraint {
  const degrees = value
    .split(',')
    .map(text => (/^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN))
  const [north = NaN, south = NaN, west = NaN, east = NaN] = degrees
  if (degrees.length !== 4) throw badQuery('a rectangle is north,south,west,east in degrees')
  const rectangle = checkRectangle({ north, south, west, east }, 'locrect:')
  return attribute({ location: { rectangle } })
}

/** In any of the rectangles that a place is in. */
function placeTerm(name: string, { place }: KnownNames): Constraint {
  const inside = (place(name) ?? []).map(rectangle => attribute({ location: { rectangle } }))
  const [first, ...others] = inside
  if (!first)
    throw badQuery(
      `no place is known that is called ${name.slice(0, 50)}; try its English name, or locrect:`,
    )
  return others.reduce((a, b) => ({ logical: { op: 'or', a, b } }), first)
}

function withTerm(value: string): Constraint {
  const named = (attr: string): Constraint =>
    attribute({ attr, valueMatches: { equals: value, caseInsensitive: true } })
  const person: Constraint = {
    logical: {
      op: 'and',
      a: attribute({ attr: 'camliNodeType', value: 'foursquare.com:person' }),
      b: { logical: { op: 'or', a: named('givenName'), b: named('familyName') } },
    },
  }
  return attribute({ attr: 'with', valueInSet: person })
}
