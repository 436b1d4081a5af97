import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'

/** The fields of one object of a query: each is asked for once, and what was not asked for at the end is unknown. */
export interface QueryFields {
  readonly text: (name: string) => string | undefined
  readonly flag: (name: string) => boolean | undefined
  readonly number: (name: string) => number | undefined
  readonly object: <Value>(name: string, read: (value: JsonObject) => Value) => Value | undefined
  /** Throws `BAD_USAGE` when there are fields that nobody asked for. */
  readonly done: () => void
}

/**
 * What is empty in Go (`""`, `false`, `0`, `null`) is as if it were not there, and names are in any case, as in
 * Perkeep.
 */
export function openFields(value: JsonObject, where: string): QueryFields {
  const given = new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]))
  const asked = new Set<string>()

  function take(name: string): JsonValue | undefined {
    asked.add(name.toLowerCase())
    return given.get(name.toLowerCase()) ?? undefined
  }

  function wrong(name: string, what: string): PeerkeepError {
    return badQuery(`${where}.${name} must be ${what}`)
  }

  return {
    text(name) {
      const found = take(name)
      if (found !== undefined && typeof found !== 'string') throw wrong(name, 'a text')
      return found === '' ? undefined : found?.toWellFormed()
    },
    flag(name) {
      const found = take(name)
      if (found !== undefined && typeof found !== 'boolean') throw wrong(name, 'true or false')
      return found === true ? true : undefined
    },
    number(name) {
      const found = take(name)
      if (found !== undefined && typeof found !== 'number') throw wrong(name, 'a number')
      return found === 0 ? undefined : found
    },
    object(name, read) {
      const found = take(name)
      if (found === undefined) return undefined
      if (typeof found !== 'object' || found === null || Array.isArray(found))
        throw wrong(name, 'an object')
      return read(found as JsonObject)
    },
    done() {
      const unknown = Object.keys(value).find(name => !asked.has(name.toLowerCase()))
      if (unknown !== undefined)
        throw badQuery(`${where} has no field ${JSON.stringify(unknown.slice(0, 100))}`)
    },
  }
}

export function badQuery(message: string): PeerkeepError {
  return new PeerkeepError('BAD_USAGE', `This is no search: ${message}.`)
}
