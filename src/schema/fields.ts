import type { JsonObject, JsonValue } from '../base/json.ts'
import { FOLDED_KEYS_MAX, FOLDED_KEY_LENGTH_MAX } from './limits.ts'

/** The values of a JSON object by key. */
export type Fields = ReadonlyMap<string, JsonValue>

/** The same by folded key, for the types whose readers ignore case: of several the last one counts. */
export function foldedKeys(object: JsonObject): Fields {
  return new Map(Object.entries(object).map(([key, value]) => [foldKey(key), value]))
}

/**
 * A key as Go's reader compares it, for which the long s (U+017F) is an s and the Kelvin sign a k. Of these two
 * toLowerCase knows the second only.
 */
export function foldKey(key: string): string {
  const known = folded.get(key)
  if (known !== undefined) return known
  const made = fold(key)
  if (folded.size < FOLDED_KEYS_MAX && key.length <= FOLDED_KEY_LENGTH_MAX) folded.set(key, made)
  return made
}

/** Keys met so far: schema has some dozens, in millions of blobs. */
const folded = new Map<string, string>()

function fold(key: string): string {
  return key.toWellFormed().toLowerCase().replaceAll('\u017f', 's')
}
