import type { JsonObject } from '../base/json.ts'
import { isBlobRef } from '../blob/ref.ts'
import { RESULTS_DEFAULT, RESULTS_MAX } from './limits.ts'
import { readConstraint } from './search-constraints.ts'
import { readExpression } from './search-expression.ts'
import { badQuery, openFields } from './search-fields.ts'
import type { KnownNames } from './search-terms.ts'
import type { Constraint, SearchPlace, SearchQuery, SearchSort } from './search-query.ts'

/** What a caller wants told of what is found, as it came: it is no matter of the search. */
export interface ReadQuery extends SearchQuery {
  readonly describe: JsonObject | undefined
}

/** Reads Perkeep's search query. Throws `BAD_USAGE`, which says what is wrong, for what is none. */
export function readQuery(value: JsonObject, names?: KnownNames): ReadQuery {
  const fields = openFields(value, 'query')
  const expression = fields.text('expression') ?? ''
  const given = fields.object('constraint', constraint => readConstraint(constraint))
  const limit = fields.number('limit') ?? RESULTS_DEFAULT
  const sortName = value['sort'] === 'unsorted' ? undefined : readSort(fields.text('sort'))
  fields.text('sort')
  const around = fields.text('around')
  const token = fields.text('continue')
  const describe = fields.object('describe', request => request)
  fields.done()
  if (given && expression !== '') throw badQuery('it has an expression and a constraint')
  const constraint = given ?? readExpression(expression, names)
  const sort = sortName ?? (isOfPermanodes(constraint) ? '-created' : 'blobref')
  if (sort.endsWith('created') && !isOfPermanodes(constraint))
    throw badQuery('only permanodes are sorted by when they were created')
  if (sort.endsWith('mod') && !isOfPermanodes(constraint))
    throw badQuery('only permanodes are sorted by when they were modified')
  if (around !== undefined && !isBlobRef(around)) throw badQuery('around must be a ref')
  if (token !== undefined && (around !== undefined || !/created|mod/.test(sort)))
    throw badQuery('continue goes with a sort by time, and not with around')
  return {
    constraint,
    limit: limit < 0 ? RESULTS_MAX : Math.min(Math.trunc(limit), RESULTS_MAX),
    sort,
    around,
    after: token === undefined ? undefined : readToken(token),
    isAboutPlaces: sort === 'map' || mentionsPlaces(constraint),
    describe,
  }
}

const SORTS: readonly string[] = ['-mod', 'mod', '-created', 'created', 'blobref', 'map']

function readSort(name: string | undefined): SearchSort | undefined {
  if (name === undefined || SORTS.includes(name)) return name as SearchSort | undefined
  throw badQuery(`sort must be one of ${SORTS.join(', ')}, unsorted`)
}

/** The token of the next page, as Perkeep writes it. */
export function writeToken({ time, ref }: SearchPlace): string {
  return `pn:${time}:${ref}`
}

function readToken(token: string): SearchPlace {
  const [name, time = '', ref, ...more] = token.split(':')
  if (name === 'pn' && /^-?\d{1,20}$/.test(time) && isBlobRef(ref) && more.length === 0)
    return { time: BigInt(time), ref }
  throw badQuery('continue must be what an answer had there')
}

/** Whether nothing but permanodes can match. */
export function isOfPermanodes({ logical, camliType, permanode }: Constraint): boolean {
  if (permanode || camliType === 'permanode') return true
  if (!logical?.b) return false
  const { op, a, b } = logical
  if (op === 'and') return isOfPermanodes(a) || isOfPermanodes(b)
  return op === 'or' && isOfPermanodes(a) && isOfPermanodes(b)
}

function mentionsPlaces({ logical, file, permanode }: Constraint): boolean {
  if (file?.location || permanode?.location) return true
  const inner = [logical?.a, logical?.b, permanode?.valueInSet, permanode?.relation?.constraint]
  return inner.some(constraint => constraint !== undefined && mentionsPlaces(constraint))
}
