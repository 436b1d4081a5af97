import type { JsonObject } from '../base/json.ts'
import { NAMED_DEPTH_MAX, NAMES_MAX } from './limits.ts'
import { namesIn } from './search-expression.ts'
import { badQuery } from './search-fields.ts'
import type { Rectangle } from './search-query.ts'
import { type ReadQuery, readQuery } from './search-read.ts'

/** Who knows what names mean. */
export interface SearchNames {
  /** Where a place is; empty for an unknown one. */
  readonly place: (name: string) => Promise<readonly Rectangle[]>
  /** The expression of a saved search. */
  readonly saved: (name: string) => Promise<string | undefined>
}

/** Reads a query as `readQuery` does, with the places and saved searches that its expression names. */
export async function readQueryWithNames(
  query: JsonObject,
  names: SearchNames,
): Promise<ReadQuery> {
  const places = new Map<string, readonly Rectangle[]>()
  const saved = new Map<string, string | undefined>()

  async function look(expression: string, depth: number): Promise<void> {
    const found = namesIn(expression)
    for (const name of found.places) {
      checkCount(places.size + saved.size)
      if (!places.has(name)) places.set(name, await names.place(name))
    }
    for (const name of found.saved) {
      checkCount(places.size + saved.size)
      // What goes round, or too deep, is refused where it is read.
      if (saved.has(name) || depth > NAMED_DEPTH_MAX) continue
      const text = await names.saved(name)
      saved.set(name, text)
      if (text !== undefined) await look(text, depth + 1)
    }
  }

  const { expression } = query
  if (typeof expression === 'string') await look(expression, 0)
  return readQuery(query, {
    place: name => places.get(name),
    saved: name => saved.get(name),
  })
}

function checkCount(count: number): void {
  if (count >= NAMES_MAX) throw badQuery(`a search may name ${NAMES_MAX} places and saved searches`)
}
