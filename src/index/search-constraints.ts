import { wordsOf } from './search-words.ts'
import { RE2JS } from 're2js'

import type { JsonObject } from '../base/json.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import { parseTime } from '../schema/time.ts'
import { QUERY_DEPTH_MAX, QUERY_WORDS_MAX, REGEXP_CHARACTERS_MAX } from './limits.ts'
import { type QueryFields, badQuery, openFields } from './search-fields.ts'
import { testsValues } from './search-permanodes.ts'
import type {
  Constraint,
  DirectoryConstraint,
  FileConstraint,
  LocationConstraint,
  LogicalConstraint,
  NumberConstraint,
  PermanodeConstraint,
  Rectangle,
  RelationConstraint,
  StringConstraint,
  TimeConstraint,
} from './search-query.ts'

/** Reads a constraint in Perkeep's JSON. Throws `BAD_USAGE`, which names the field, for what it cannot be. */
export function readConstraint(value: JsonObject, where = 'constraint', depth = 0): Constraint {
  const at = deeper({ where, depth }, where)
  const fields = openFields(value, where)
  if (fields.object('claim', claim => claim) !== undefined)
    throw badQuery(`${where}.claim cannot be searched by; camliType can be "claim"`)
  const constraint: Constraint = {
    logical: fields.object('logical', logical => readLogical(logical, at)),
    anything: fields.flag('anything'),
    camliType: fields.text('camliType'),
    anyCamliType: fields.flag('anyCamliType'),
    blobRefPrefix: readPrefix(fields, where),
    blobSize: readInteger(fields, 'blobSize', where),
    file: fields.object('file', file => readFile(file, at)),
    dir: fields.object('dir', dir => readDirectory(dir, at)),
    permanode: fields.object('permanode', permanode => readPermanode(permanode, at)),
  }
  fields.done()
  return constraint
}

interface Place {
  readonly where: string
  readonly depth: number
}

function inside(
  fields: QueryFields,
  name: string,
  { where, depth }: Place,
): Constraint | undefined {
  return fields.object(name, value => readConstraint(value, `${where}.${name}`, depth))
}

function readLogical(value: JsonObject, at: Place): LogicalConstraint {
  const where = `${at.where}.logical`
  const fields = openFields(value, where)
  const op = fields.text('op')
  const a = inside(fields, 'a', { ...at, where })
  const b = inside(fields, 'b', { ...at, where })
  fields.done()
  if (op !== 'and' && op !== 'or' && op !== 'xor' && op !== 'not')
    throw badQuery(`${where}.op must be "and", "or", "xor" or "not"`)
  if (!a) throw badQuery(`${where}.a is missing`)
  if (op === 'not' ? b !== undefined : b === undefined)
    throw badQuery(op === 'not' ? `${where}.b has no place beside "not"` : `${where}.b is missing`)
  return { op, a, b }
}

function readFile(value: JsonObject, at: Place): FileConstraint {
  const where = `${at.where}.file`
  const fields = openFields(value, where)
  // Perkeep reads it and does nothing with it.
  fields.object('exif', exif => exif)
  const file: FileConstraint = {
    fileSize: readInteger(fields, 'fileSize', where),
    fileName: readString(fields, 'fileName', where),
    mimeType: readString(fields, 'mimeType', where),
    time: readTimes(fields, 'time', where),
    modTime: readTimes(fields, 'modTime', where),
    wholeRef: fields.text('wholeRef'),
    parentDir: fields.object('parentDir', dir =>
      readDirectory(dir, deeper(at, where), 'parentDir'),
    ),
    isImage: fields.flag('isImage'),
    width: readInteger(fields, 'width', where),
    height: readInteger(fields, 'height', where),
    // The name is Perkeep's.
    ratio: readNumber(fields, 'widthHeightRation', where),
    location: readLocation(fields, where),
    rating: readInteger(fields, 'rating', where),
    mediaTag: nested(fields, 'mediaTag', where, (inner, above) => ({
      tag: inner.text('tag') ?? '',
      string: readString(inner, 'string', above),
      int: readInteger(inner, 'int', above),
    })),
  }
  fields.done()
  return file
}

/** Throws `BAD_USAGE` where that is too deep. */
function deeper({ depth }: Place, where: string): Place {
  if (depth > QUERY_DEPTH_MAX)
    throw badQuery(`constraints may be nested ${QUERY_DEPTH_MAX} deep, not deeper`)
  return { where, depth: depth + 1 }
}

function readDirectory(value: JsonObject, at: Place, name = 'dir'): DirectoryConstraint {
  const where = `${at.where}.${name}`
  const fields = openFields(value, where)
  const directory: DirectoryConstraint = {
    fileName: readString(fields, 'fileName', where),
    blobRefPrefix: readPrefix(fields, where),
    parentDir: fields.object('parentDir', dir =>
      readDirectory(dir, deeper(at, where), 'parentDir'),
    ),
    topFileCount: readInteger(fields, 'topFileCount', where),
    contains: inside(fields, 'contains', { ...at, where }),
    recursiveContains: inside(fields, 'recursiveContains', { ...at, where }),
  }
  fields.done()
  if (directory.contains && directory.recursiveContains)
    throw badQuery(`${where} can have contains or recursiveContains, not both`)
  return directory
}

function readPermanode(value: JsonObject, at: Place): PermanodeConstraint {
  const where = `${at.where}.permanode`
  const fields = openFields(value, where)
  const permanode: PermanodeConstraint = {
    at: readMoment(fields.text('at'), `${where}.at`),
    modTime: readTimes(fields, 'modTime', where),
    time: readTimes(fields, 'time', where),
    skipHidden: fields.flag('skipHidden'),
    attr: fields.text('attr'),
    numValue: readInteger(fields, 'numValue', where),
    valueAllMatch: fields.flag('valueAllMatch'),
    value: fields.text('value'),
    valueMatches: readString(fields, 'valueMatches', where),
    valueMatchesInt: readInteger(fields, 'valueMatchesInt', where),
    valueMatchesFloat: readNumber(fields, 'valueMatchesFloat', where),
    valueInSet: inside(fields, 'valueInSet', { ...at, where }),
    relation: fields.object('relation', relation => readRelation(relation, deeper(at, where))),
    location: readLocation(fields, where),
    text: readWords(fields.text('text'), `${where}.text`),
  }
  fields.done()
  checkAttribute(permanode, where)
  return permanode
}

function readWords(text: string | undefined, where: string): readonly string[] | undefined {
  return text === undefined ? undefined : checkWords(text, where)
}

/** The words to be found. Throws `BAD_USAGE` where there are none, or very many. */
export function checkWords(text: string, where: string): readonly string[] {
  const words = [...new Set(wordsOf(text))]
  if (words.length === 0) throw badQuery(`${where} must have a word to be found`)
  if (words.length > QUERY_WORDS_MAX)
    throw badQuery(`${where} can have ${QUERY_WORDS_MAX} words, not more`)
  return words
}

function checkAttribute(permanode: PermanodeConstraint, where: string): void {
  const { attr, numValue } = permanode
  const isTested = testsValues(permanode)
  if (attr !== undefined && !isTested && numValue === undefined)
    throw badQuery(`${where}.attr needs a test of its values, or numValue`)
  if (attr === undefined && (isTested || numValue !== undefined))
    throw badQuery(`${where} tests values, but attr does not say which`)
}

function readRelation(value: JsonObject, { where: above, depth }: Place): RelationConstraint {
  const where = `${above}.relation`
  const fields = openFields(value, where)
  const relation = fields.text('Relation')
  const edgeType = fields.text('EdgeType')
  const any = inside(fields, 'Any', { where, depth })
  const all = inside(fields, 'All', { where, depth })
  fields.done()
  if (relation !== 'parent' && relation !== 'child')
    throw badQuery(`${where}.Relation must be "parent" or "child"`)
  const constraint = any ?? all
  if (!constraint || (any && all)) throw badQuery(`${where} needs one of Any and All`)
  return { relation, edgeType, isAll: all !== undefined, constraint }
}

/** Hash name, dash, and at least one digit. */
const PREFIX_PATTERN = /^(?:sha1|sha224|sha256)-[0-9a-f]{1,64}$/

function readPrefix(fields: QueryFields, where: string): string | undefined {
  const prefix = fields.text('blobRefPrefix')
  return prefix === undefined ? undefined : checkPrefix(prefix, `${where}.blobRefPrefix`)
}

/** Throws `BAD_USAGE` for what no ref begins with. */
export function checkPrefix(prefix: string, where: string): string {
  if (PREFIX_PATTERN.test(prefix)) return prefix
  throw badQuery(`${where} must be the beginning of a ref, such as sha224-d0b9`)
}

/** Reads a field that is an object; what else stands in that is an error. */
function nested<Value>(
  fields: QueryFields,
  name: string,
  above: string,
  read: (inner: QueryFields, where: string) => Value,
): Value | undefined {
  return fields.object(name, value => {
    const where = `${above}.${name}`
    const inner = openFields(value, where)
    const found = read(inner, where)
    inner.done()
    return found
  })
}

function readString(
  fields: QueryFields,
  name: string,
  above: string,
): StringConstraint | undefined {
  return nested(fields, name, above, (inner, where) => {
    const isAnyCase = inner.flag('caseInsensitive')
    const pattern = inner.text('regexp')
    return {
      empty: inner.flag('empty'),
      equals: inner.text('equals'),
      contains: inner.text('contains'),
      hasPrefix: inner.text('hasPrefix'),
      hasSuffix: inner.text('hasSuffix'),
      byteLength: readInteger(inner, 'byteLength', where),
      caseInsensitive: isAnyCase,
      matches: pattern === undefined ? undefined : compile(pattern, isAnyCase === true, where),
    }
  })
}

/** RE2 is linear in the text, so that nobody can have the node think for ever. */
function compile(pattern: string, isAnyCase: boolean, where: string): (text: string) => boolean {
  if (pattern.length > REGEXP_CHARACTERS_MAX)
    throw badQuery(`${where}.regexp may have ${REGEXP_CHARACTERS_MAX} characters`)
  try {
    const compiled = RE2JS.compile(pattern, isAnyCase ? RE2JS.CASE_INSENSITIVE : 0)
    return text => compiled.matcher(text).find()
  } catch {
    throw badQuery(`${where}.regexp is no regular expression (RE2's syntax)`)
  }
}

function readInteger(
  fields: QueryFields,
  name: string,
  above: string,
): NumberConstraint | undefined {
  const constraint = readNumber(fields, name, above)
  for (const bound of [constraint?.min, constraint?.max])
    if (bound !== undefined && !Number.isSafeInteger(bound))
      throw badQuery(`the bounds of ${above}.${name} must be whole numbers`)
  return constraint
}

/** A bound of 0 is none, but for `zeroMin` and `zeroMax`. */
function readNumber(
  fields: QueryFields,
  name: string,
  above: string,
): NumberConstraint | undefined {
  const bounds = nested(fields, name, above, inner => ({
    equals: inner.number('equals'),
    min: inner.number('min'),
    max: inner.number('max'),
    isZeroMin: inner.flag('zeroMin'),
    isZeroMax: inner.flag('zeroMax'),
  }))
  if (!bounds) return undefined
  const { equals, min, max, isZeroMin, isZeroMax } = bounds
  const where = `${above}.${name}`
  if ((isZeroMin && min !== undefined) || (isZeroMax && max !== undefined))
    throw badQuery(`${where} has a bound twice`)
  if (name === 'numValue' && isZeroMin) throw badQuery(`${where}.zeroMin asks for nothing`)
  if (equals !== undefined) return { min: equals, max: equals }
  return { min: isZeroMin ? 0 : min, max: isZeroMax ? 0 : max }
}

function readTimes(fields: QueryFields, name: string, above: string): TimeConstraint | undefined {
  return nested(fields, name, above, (inner, where) => {
    const inLast = inner.number('inLast')
    return {
      before: readMoment(inner.text('before'), `${where}.before`),
      after: readMoment(inner.text('after'), `${where}.after`),
      inLast: inLast === undefined ? undefined : BigInt(Math.trunc(inLast)),
    }
  })
}

/** Go writes a time that is not given as the first of year 1. Unix time 0 counts as not given too. */
export function readMoment(text: string | undefined, where: string): Nanoseconds | undefined {
  if (text === undefined || text === '0001-01-01T00:00:00Z') return undefined
  const time = parseTime(text)
  if (time === undefined) throw badQuery(`${where} must be a time such as 2026-03-04T12:00:00Z`)
  return time === 0n ? undefined : time
}

function readLocation(fields: QueryFields, above: string): LocationConstraint | undefined {
  const given = nested(fields, 'location', above, inner => ({
    isAny: inner.flag('Any'),
    north: inner.number('North') ?? 0,
    south: inner.number('South') ?? 0,
    west: inner.number('West') ?? 0,
    east: inner.number('East') ?? 0,
  }))
  if (!given) return undefined
  const { isAny, ...rectangle } = given
  return { rectangle: isAny ? undefined : checkRectangle(rectangle, `${above}.location`) }
}

/** Throws `BAD_USAGE` for degrees that are none. */
export function checkRectangle(rectangle: Rectangle, where: string): Rectangle {
  const { north, south, west, east } = rectangle
  const isRight =
    Math.abs(north) <= 90 &&
    Math.abs(south) <= 90 &&
    south <= north &&
    Math.abs(west) <= 180 &&
    Math.abs(east) <= 180
  if (isRight) return rectangle
  throw badQuery(
    `${where} must be a rectangle of degrees: North, South (-90 to 90), West, East (-180 to 180)`,
  )
}
