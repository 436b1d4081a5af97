import { isBlobRef } from '../blob/ref.ts'
import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import { flagKey, mediaKey, refKey, timeKey, valueKey } from './document-keys.ts'
import type { SqlValue } from './document-tables.ts'
import { isShared } from './document.ts'
import type {
  Constraint,
  LocationConstraint,
  LogicalConstraint,
  NumberConstraint,
  PermanodeConstraint,
  StringConstraint,
  TimeConstraint,
} from './search-query.ts'

/** A condition on a row `d` of the table `documents`. */
export interface Condition {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
}

/**
 * What the tables say of a constraint: `may` holds of every document that it holds of, and `must` of none that it does
 * not hold of. Where the tables know all that it asks for, both are the same.
 */
export interface Bounds {
  readonly may: Condition
  readonly must: Condition
}

const always: Condition = { sql: '1', parameters: [] }
const never: Condition = { sql: '0', parameters: [] }
const unknown: Bounds = { may: always, must: never }

/** `now` in nanoseconds. */
export function boundsOf(constraint: Constraint, now: bigint): Bounds {
  const { logical, anything, camliType, anyCamliType, blobRefPrefix, blobSize } = constraint
  const { file, dir, permanode } = constraint
  const parts: Bounds[] = []
  if (anything !== undefined) parts.push(exactly(anything ? always : never))
  if (camliType !== undefined) parts.push(exactly(camliType === 'permanode' ? always : never))
  if (anyCamliType === true) parts.push(exactly(always))
  if (blobRefPrefix !== undefined) parts.push(boundsOfPrefix(blobRefPrefix))
  if (blobSize) parts.push(unknown)
  if (file || dir) parts.push(exactly(never))
  if (permanode) parts.push(boundsOfPermanode(permanode, now))
  if (logical) parts.push(boundsOfLogical(logical, now))
  return parts.length === 0 ? exactly(never) : all(parts)
}

function exactly(condition: Condition): Bounds {
  return { may: condition, must: condition }
}

function boundsOfLogical({ op, a, b }: LogicalConstraint, now: bigint): Bounds {
  const first = boundsOf(a, now)
  if (op === 'not') return not(first)
  if (!b) return exactly(never)
  const second = boundsOf(b, now)
  switch (op) {
    case 'and':
      return all([first, second])
    case 'or':
      return any(first, second)
    case 'xor':
      return any(all([first, not(second)]), all([not(first), second]))
  }
}

function not({ may, must }: Bounds): Bounds {
  return { may: negated(must), must: negated(may) }
}

function negated({ sql, parameters }: Condition): Condition {
  if (sql === '0') return always
  if (sql === '1') return never
  // What the tables do not know of a document is null, which is neither.
  return { sql: `NOT ifnull(${sql}, 0)`, parameters }
}

function all(parts: readonly Bounds[]): Bounds {
  return {
    may: joined(
      parts.map(({ may }) => may),
      'AND',
    ),
    must: joined(
      parts.map(({ must }) => must),
      'AND',
    ),
  }
}

function any(a: Bounds, b: Bounds): Bounds {
  return { may: joined([a.may, b.may], 'OR'), must: joined([a.must, b.must], 'OR') }
}

function joined(conditions: readonly Condition[], operator: 'AND' | 'OR'): Condition {
  const [neutral, deciding] = operator === 'AND' ? ['1', '0'] : ['0', '1']
  const decided = conditions.find(({ sql }) => sql === deciding)
  if (decided) return decided
  const left = conditions.filter(({ sql }) => sql !== neutral)
  const [only] = left
  if (left.length < 2) return only ?? { sql: neutral, parameters: [] }
  return {
    sql: `(${left.map(({ sql }) => sql).join(` ${operator} `)})`,
    parameters: left.flatMap(({ parameters }) => parameters),
  }
}

function boundsOfPrefix(prefix: string): Bounds {
  return isBlobRef(prefix) ? exactly({ sql: '(d.ref = ?)', parameters: [refKey(prefix)] }) : unknown
}

function boundsOfPermanode(constraint: PermanodeConstraint, now: bigint): Bounds {
  const { at, modTime, time, skipHidden, attr, relation, location, text } = constraint
  if (at !== undefined) return unknown
  const parts: Bounds[] = []
  if (skipHidden === true) parts.push(exactly({ sql: '(d.hidden = 0)', parameters: [] }))
  if (modTime) parts.push(boundsOfTime('d.modified', modTime, now))
  if (time) parts.push(boundsOfTime('d.created', time, now))
  if (attr !== undefined) parts.push(boundsOfValues(attr, constraint))
  if (relation || text) parts.push(unknown)
  if (location) parts.push(ifCertain(boundsOfLocation(location)))
  return parts.length === 0 ? exactly(always) : all(parts)
}

function boundsOfTime(
  column: string,
  { before, after, inLast }: TimeConstraint,
  now: bigint,
): Bounds {
  const conditions: Condition[] = []
  const add = (operator: string, time: bigint): void =>
    void conditions.push({ sql: `(${column} ${operator} ?)`, parameters: [timeKey(time)] })
  if (before !== undefined) add('<', before)
  if (after !== undefined) add('>=', after)
  if (inLast !== undefined) add('>=', now - inLast)
  return exactly(joined(conditions, 'AND'))
}

/** What one document has of a value. */
function hasValue(key: Uint8Array): Condition {
  return {
    sql: 'EXISTS (SELECT 1 FROM holders h WHERE h.value = ? AND h.created = d.created AND h.ref = d.ref)',
    parameters: [key],
  }
}

function boundsOfValues(attr: string, constraint: PermanodeConstraint): Bounds {
  const { numValue, value, valueMatches, valueMatchesInt, valueMatchesFloat, valueInSet } =
    constraint
  const others = [valueMatches, valueMatchesInt, valueMatchesFloat].some(test => test !== undefined)
  if (others || (valueInSet && value !== undefined)) return unknown
  if (valueInSet)
    return attr === CONTENT_ATTRIBUTE && !numValue ? boundsOfContent(valueInSet) : unknown
  if (numValue) {
    const asksForNone =
      attr === 'tag' && value === undefined && (numValue.min ?? 0) <= 0 && numValue.max === 0
    return asksForNone ? exactly(hasValue(flagKey('untagged'))) : unknown
  }
  if (value === undefined) return exactly(always)
  if (constraint.valueAllMatch === true || !isShared(attr, value)) return unknown
  return exactly(hasValue(valueKey(attr, value)))
}

/** What a content must be: of several contents a document has the media types of all, the rest of the first. */
function boundsOfContent({ file, ...others }: Constraint): Bounds {
  if (!file || Object.values(others).some(field => field !== undefined)) return unknown
  const { isImage, mimeType, width, height, rating, ...left } = file
  const media: Bounds[] = []
  if (isImage === true) media.push(exactly(hasValue(mediaKey('image/'))))
  if (mimeType) media.push(boundsOfMedia(mimeType))
  const rest: Bounds[] = []
  if (width) rest.push(exactly(isBetween('d.width', width)))
  if (height) rest.push(exactly(isBetween('d.height', height)))
  if (rating) rest.push(exactly(isBetween('d.rating', rating)))
  if (Object.values(left).some(field => field !== undefined)) rest.push(unknown)
  if (media.length + rest.length === 0) return unknown
  const bounds = all([...media, ...(rest.length === 0 ? [] : [ifCertain(all(rest))])])
  return { may: bounds.may, must: ifCertain(bounds).must }
}

function boundsOfMedia({ equals, hasPrefix, ...others }: StringConstraint): Bounds {
  if (Object.values(others).some(field => field !== undefined)) return unknown
  const parts: Bounds[] = []
  if (equals !== undefined)
    parts.push(equals === '' ? unknown : exactly(hasValue(mediaKey(equals))))
  if (hasPrefix !== undefined)
    parts.push(/^[^/]+\/$/.test(hasPrefix) ? exactly(hasValue(mediaKey(hasPrefix))) : unknown)
  return parts.length === 0 ? unknown : all(parts)
}

function isBetween(column: string, { min, max }: NumberConstraint): Condition {
  const conditions: Condition[] = []
  if (min !== undefined) conditions.push({ sql: `(${column} >= ?)`, parameters: [min] })
  if (max !== undefined) conditions.push({ sql: `(${column} <= ?)`, parameters: [max] })
  if (conditions.length === 0) return { sql: `(${column} IS NOT NULL)`, parameters: [] }
  return joined(conditions, 'AND')
}

function boundsOfLocation({ rectangle }: LocationConstraint): Bounds {
  if (!rectangle) return exactly({ sql: '(d.latitude IS NOT NULL)', parameters: [] })
  const { north, south, west, east } = rectangle
  const across = west <= east ? 'AND' : 'OR'
  return exactly({
    sql: `(d.latitude BETWEEN ? AND ? AND (d.longitude >= ? ${across} d.longitude <= ?))`,
    parameters: [south, north, west, east],
  })
}

/** Of some documents the tables do not know all. */
function ifCertain({ may, must }: Bounds): Bounds {
  return {
    may: joined([may, { sql: '(d.uncertain = 1)', parameters: [] }], 'OR'),
    must: joined([must, { sql: '(d.uncertain = 0)', parameters: [] }], 'AND'),
  }
}
