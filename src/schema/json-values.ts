import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'

/** Thrown by the readers of single values for a wrong type; such a blob is no schema. */
export class WrongType extends Error {}

/** What `read` answers; undefined when it met a value of a wrong type. */
export function orUndefined<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof WrongType) return undefined
    throw error
  }
}

/** Text. A surrogate that stands alone becomes U+FFFD, as in Go, so that text and its bytes say the same. */
export function optionalText(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new WrongType()
  return value.toWellFormed()
}

export function neededRef(value: JsonValue | undefined): BlobRef {
  if (!isBlobRef(value)) throw new WrongType()
  return value
}

/** An absent ref may be missing, null or an empty string. */
export function optionalRef(value: JsonValue | undefined): BlobRef | undefined {
  return value === undefined || value === null || value === '' ? undefined : neededRef(value)
}

/** A safe integer ≥ 0. */
export function optionalCount(value: JsonValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw new WrongType()
  return Number(value)
}

export function optionalList(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) throw new WrongType()
  return value as readonly JsonValue[]
}

export function neededObject(value: JsonValue | undefined): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WrongType()
  return value as JsonObject
}
