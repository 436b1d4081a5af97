import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import { flagKey, mediaKey, timeKey, valueKey } from './document-keys.ts'
import type { SqlValue } from './document-tables.ts'
import { isShared } from './document.ts'
import { TRIGRAM_CHARACTERS } from './limits.ts'
import type {
  Constraint,
  PermanodeConstraint,
  Rectangle,
  StringConstraint,
  TimeConstraint,
} from './search-query.ts'
import { searchedText } from './search-words.ts'

/** A query for the column `id` of all documents that can match, and more. */
export interface DocumentList {
  /** What it goes by, for people. */
  readonly name: string
  readonly sql: string
  readonly parameters: readonly SqlValue[]
  /** It is of those that have this value, so that they can be walked in the order of time too. */
  readonly value?: Uint8Array | undefined
  /** It is a range of this time. */
  readonly column?: 'created' | 'modified' | undefined
}

/** Each of them alone holds all that can match. `now` in nanoseconds. */
export function listsOf({ logical, permanode }: Constraint, now: bigint): DocumentList[] {
  const lists = permanode && permanode.at === undefined ? listsOfPermanode(permanode, now) : []
  if (logical?.op === 'and' && logical.b)
    lists.push(...listsOf(logical.a, now), ...listsOf(logical.b, now))
  if (logical?.op === 'or' && logical.b) {
    const [a] = listsOf(logical.a, now)
    const [b] = listsOf(logical.b, now)
    if (a && b) lists.push(union(a, b))
  }
  return lists
}

/** What both have is in it once. */
function union(a: DocumentList, b: DocumentList): DocumentList {
  return {
    name: `${a.name}, and ${b.name}`,
    sql: `${a.sql} UNION ${b.sql}`,
    parameters: [...a.parameters, ...b.parameters],
  }
}

function listsOfPermanode(constraint: PermanodeConstraint, now: bigint): DocumentList[] {
  const { attr, value, valueMatches, valueInSet, numValue, time, modTime, location, text } =
    constraint
  const lists: DocumentList[] = []
  if (attr !== undefined && value !== undefined && isShared(attr, value))
    lists.push(ofValue(`${attr} ${JSON.stringify(value)}`, valueKey(attr, value)))
  if (attr === 'tag' && numValue?.max === 0) lists.push(ofValue('no tag', flagKey('untagged')))
  if (attr === 'title' && valueMatches) lists.push(...ofPart('title', valueMatches))
  if (attr === CONTENT_ATTRIBUTE && valueInSet?.file) {
    const { isImage, mimeType, fileName } = valueInSet.file
    if (isImage === true) lists.push(ofValue('an image', mediaKey('image/')))
    if (mimeType) lists.push(...ofMedia(mimeType))
    if (fileName) lists.push(...ofPart('name', fileName))
  }
  if (time) lists.push(...ofTime('created', time, now))
  if (modTime) lists.push(...ofTime('modified', modTime, now))
  if (location?.rectangle) lists.push(ofPlace(location.rectangle))
  if (text && text.length > 0) lists.push(ofWords(text))
  return lists
}

function ofValue(name: string, key: Uint8Array): DocumentList {
  return { name, sql: 'SELECT id FROM holders WHERE value = ?', parameters: [key], value: key }
}

function ofMedia({ equals, hasPrefix }: StringConstraint): DocumentList[] {
  const media = equals ?? (/^[^/]+\/$/.test(hasPrefix ?? '') ? hasPrefix : undefined)
  return media === undefined || media === '' ? [] : [ofValue(`the type ${media}`, mediaKey(media))]
}

/** Trigrams tell parts of at least three characters, whatever their case. */
function ofPart(column: 'title' | 'name', constraint: StringConstraint): DocumentList[] {
  const { equals, contains, hasPrefix, hasSuffix } = constraint
  const longest = [equals, contains, hasPrefix, hasSuffix]
    .filter(part => part !== undefined)
    .map(searchedText)
    .sort((a, b) => b.length - a.length)[0]
  if (longest === undefined || Array.from(longest).length < TRIGRAM_CHARACTERS) return []
  return [
    {
      name: `a ${column} with ${JSON.stringify(longest)}`,
      sql: 'SELECT rowid AS id FROM titles WHERE titles MATCH ?',
      parameters: [`${column} : ${quoted(longest)}`],
    },
  ]
}

function ofWords(words: readonly string[]): DocumentList {
  return {
    name: `the words ${words.join(' ')}`,
    sql: 'SELECT rowid AS id FROM words WHERE words MATCH ?',
    parameters: [words.map(quoted).join(' AND ')],
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

function ofTime(
  column: 'created' | 'modified',
  { before, after, inLast }: TimeConstraint,
  now: bigint,
): DocumentList[] {
  const bounds: [sql: string, time: bigint][] = []
  if (before !== undefined) bounds.push([`${column} < ?`, before])
  if (after !== undefined) bounds.push([`${column} >= ?`, after])
  if (inLast !== undefined) bounds.push([`${column} >= ?`, now - inLast])
  if (bounds.length === 0) return []
  return [
    {
      name: `a time ${column}`,
      column,
      sql: `SELECT id FROM documents WHERE ${bounds.map(([sql]) => sql).join(' AND ')}`,
      parameters: bounds.map(([, time]) => timeKey(time)),
    },
  ]
}

/** Where some documents are, only what they refer to knows. */
function ofPlace({ north, south, west, east }: Rectangle): DocumentList {
  const across = west <= east ? 'AND' : 'OR'
  return {
    name: 'a place',
    sql:
      `SELECT id FROM places WHERE south <= ? AND north >= ? AND (west <= ? ${across} east >= ?)` +
      ' UNION SELECT id FROM documents WHERE uncertain = 1',
    parameters: [north, south, east, west],
  }
}
