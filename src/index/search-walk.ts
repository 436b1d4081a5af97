import type { BlobRef } from '../blob/ref.ts'
import { refKey, refOfKey, timeKey, timeOfKey } from './document-keys.ts'
import type { DocumentTables, SqlValue } from './document-tables.ts'
import {
  LISTED_DOCUMENTS_MAX,
  LISTED_DOCUMENTS_MIN,
  PAGE_SPARE_ROWS,
  WALK_ROWS_MAX,
  WALK_ROWS_MIN,
} from './limits.ts'
import { type DocumentList, listsOf } from './search-lists.ts'
import { type Bounds, type Condition, boundsOf } from './search-narrow.ts'
import type { SearchPlace, SearchQuery, SearchSort } from './search-query.ts'

/** Documents that can match, in the order of an answer. */
export interface Walk {
  /** By what they are found, for people. */
  readonly name: string
  /** Those behind `after`, a piece at a time; with `isReversed` those before it, the nearest first. */
  readonly places: (
    after: SearchPlace | undefined,
    isReversed?: boolean,
  ) => AsyncIterable<readonly DocumentPlace[]>
}

export interface DocumentPlace extends SearchPlace {
  /** All that is asked for holds of it; else it is to be found out. */
  readonly isSure: boolean
}

interface WalkParts {
  readonly tables: DocumentTables
  readonly query: SearchQuery
  /** In nanoseconds. */
  readonly now: bigint
  /** What is found otherwise than in the tables; undefined where nothing is. */
  readonly found: { readonly name: string; readonly refs: readonly BlobRef[] } | undefined
}

/**
 * The narrowest way to all that can match: a list that is short is sorted, a value's documents are walked in the order
 * of time, else all are.
 */
export async function planWalk({ tables, query, now, found }: WalkParts): Promise<Walk> {
  const bounds = boundsOf(query.constraint, now)
  // Along its own order, a range of times is walked without being listed.
  const lists = listsOf(query.constraint, now).filter(
    ({ column }) => column === undefined || column !== columnOf(query.sort),
  )
  if (found) lists.push(listOfRefs(found))
  const most = await listedMax(tables, query.limit)
  const counts = await Promise.all(lists.map(async list => countOf(tables, list, most)))
  const least = Math.min(...counts, Infinity)
  const list = lists[counts.indexOf(least)]
  const walk = (name: string, source: WalkSource): Walk => ({
    name,
    places: (after, isReversed) => walked({ tables, bounds, query, source }, { after, isReversed }),
  })
  const isInOrder = columnOf(query.sort) === 'created'
  // What has a value is in the order of time already.
  if (list && isInOrder && hasValue(list))
    return walk(`${upTo(least, most)} with ${list.name}`, sourceOfValue(list))
  if (list && least <= most) return walk(`${least} with ${list.name}`, sourceOfList(list))
  const value = isInOrder ? lists.find(hasValue) : undefined
  return value
    ? walk(`those with ${value.name}, in the order of time`, sourceOfValue(value))
    : walk('all, in order', sourceOfAll(query.sort))
}

function upTo(count: number, most: number): string {
  return count > most ? `more than ${most}` : String(count)
}

function hasValue(list: DocumentList): list is ValueList {
  return list.value !== undefined
}

type ValueList = DocumentList & { readonly value: Uint8Array }

/** Rows `d` of the table of documents, joined with what leads to them. */
interface WalkSource {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
  /** The table whose columns `created` and `ref` are walked in order. */
  readonly table: 'd' | 'h'
  /** Rows in the largest piece: those of a list are all looked at for each, those of a walk only once. */
  readonly rowsMax: number
}

function sourceOfList({ sql, parameters }: DocumentList): WalkSource {
  return {
    sql: `(${sql}) l CROSS JOIN documents d ON d.id = l.id WHERE 1`,
    parameters,
    table: 'd',
    rowsMax: LISTED_DOCUMENTS_MAX,
  }
}

function sourceOfValue({ value }: ValueList): WalkSource {
  return {
    sql: 'holders h CROSS JOIN documents d ON d.id = h.id WHERE h.value = ?',
    parameters: [value],
    table: 'h',
    rowsMax: WALK_ROWS_MAX,
  }
}

function sourceOfAll(sort: SearchSort): WalkSource {
  const column = columnOf(sort)
  const index = column === undefined ? '' : ` INDEXED BY by_${column}`
  return { sql: `documents d${index} WHERE 1`, parameters: [], table: 'd', rowsMax: WALK_ROWS_MAX }
}

function listOfRefs({ name, refs }: { name: string; refs: readonly BlobRef[] }): DocumentList {
  return {
    name,
    sql: 'SELECT f.id FROM json_each(?) j CROSS JOIN documents f ON f.ref = unhex(j.value)',
    parameters: [jsonOf(refs)],
  }
}

/** Those of which there is no document. */
export async function unlisted(
  tables: DocumentTables,
  refs: readonly BlobRef[],
): Promise<readonly BlobRef[]> {
  const rows = await tables.select(
    'SELECT j.key FROM json_each(?) j' +
      ' WHERE NOT EXISTS (SELECT 1 FROM documents f WHERE f.ref = unhex(j.value))',
    [jsonOf(refs)],
  )
  return rows.map(([at]) => refs[Number(at)]).filter(ref => ref !== undefined)
}

function jsonOf(refs: readonly BlobRef[]): string {
  return JSON.stringify(refs.map(ref => Buffer.from(refKey(ref)).toString('hex')))
}

/**
 * Documents up to which sorting those of a list is cheaper than walking over all in order: of `n` among `all`, a walk
 * passes `limit * all / n` until its page is full.
 */
async function listedMax(tables: DocumentTables, limit: number): Promise<number> {
  const [row] = await tables.select('SELECT max(id) FROM documents', [])
  const even = Math.sqrt(limit * Number(row?.[0] ?? 0))
  return Math.round(Math.min(Math.max(even, LISTED_DOCUMENTS_MIN), LISTED_DOCUMENTS_MAX))
}

/** More than `most` are not counted. */
async function countOf(
  tables: DocumentTables,
  { sql, parameters }: DocumentList,
  most: number,
): Promise<number> {
  const [row] = await tables.select(`SELECT count(*) FROM (SELECT id FROM (${sql}) LIMIT ?)`, [
    ...parameters,
    most + 1,
  ])
  return Number(row?.[0] ?? 0)
}

/** The column of the table of documents that is the first of an order; undefined where refs alone are it. */
function columnOf(sort: SearchSort): 'created' | 'modified' | undefined {
  switch (sort) {
    case 'created':
    case '-created':
      return 'created'
    case 'mod':
    case '-mod':
      return 'modified'
    case 'blobref':
    case 'map':
      return undefined
  }
}

interface Asked {
  readonly tables: DocumentTables
  readonly bounds: Bounds
  readonly query: Pick<SearchQuery, 'sort' | 'limit'>
  readonly source: WalkSource
}

interface From {
  readonly after: SearchPlace | undefined
  readonly isReversed?: boolean | undefined
}

interface Order {
  readonly columns: readonly string[]
  readonly sql: string
  /** Holds of what comes behind a place. */
  readonly behind: Condition
}

function orderOf(
  { query: { sort }, source: { table } }: Asked,
  { after, isReversed = false }: From,
): Order {
  const column = columnOf(sort)
  const columns = [...(column === undefined ? [] : [`${table}.${column}`]), `${table}.ref`]
  const isDescending = sort.startsWith('-') !== isReversed
  const sql = columns.map(name => `${name} ${isDescending ? 'DESC' : 'ASC'}`).join(', ')
  if (!after) return { columns, sql, behind: { sql: '1', parameters: [] } }
  const place = [...(column === undefined ? [] : [timeKey(after.time)]), refKey(after.ref)]
  const comparison = `(${columns.join(', ')}) ${isDescending ? '<' : '>'} (${place.map(() => '?').join(', ')})`
  return { columns, sql, behind: { sql: comparison, parameters: place } }
}

/** In pieces, so that whoever has found enough need not wait for the rest. */
async function* walked(asked: Asked, from: From): AsyncGenerator<readonly DocumentPlace[]> {
  const { tables, bounds, query, source } = asked
  const { may, must } = bounds
  let { after } = from
  let count = Math.min(Math.max(query.limit + PAGE_SPARE_ROWS, WALK_ROWS_MIN), WALK_ROWS_MAX)
  for (; ; count = Math.min(2 * count, source.rowsMax)) {
    const order = orderOf(asked, { ...from, after })
    const rows = await tables.select(
      `SELECT d.ref, ${order.columns[0]}, ${must.sql} FROM ${source.sql}` +
        ` AND ${order.behind.sql} AND ${may.sql} ORDER BY ${order.sql} LIMIT ?`,
      [
        ...must.parameters,
        ...source.parameters,
        ...order.behind.parameters,
        ...may.parameters,
        count,
      ],
    )
    const places = placesOf(rows, order.columns)
    yield places
    after = places.at(-1)
    if (rows.length < count) return
  }
}

/** Without a time where the order is that of refs. */
function placesOf(
  rows: readonly (readonly SqlValue[])[],
  columns: readonly string[],
): readonly DocumentPlace[] {
  return rows.map(([ref, time, isSure]) => ({
    ref: refOfKey(ref as Uint8Array),
    time: columns.length > 1 ? timeOfKey(time as Uint8Array) : 0n,
    isSure: isSure === 1,
  }))
}
