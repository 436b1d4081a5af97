import type { JsonObject, JsonValue } from '../base/json.ts'

/** The values of a JSON object by key. */
export type Fields = ReadonlyMap<string, JsonValue>

/** The same by key in lower case, for the types whose readers ignore case: of several the last one counts. */
export function lowerCaseKeys(object: JsonObject): Fields {
  return new Map(Object.entries(object).map(([key, value]) => [key.toLowerCase(), value]))
}
