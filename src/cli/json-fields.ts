import type { JsonObject, JsonValue } from '../base/json.ts'

/** Fields of a node's answer, for printing: what is not of the type prints as nothing. */

export function fields(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {}
}

export function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

export function numberOf(value: JsonValue | undefined): number {
  return typeof value === 'number' ? value : 0
}

export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : []
}
