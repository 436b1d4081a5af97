import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { jsonDepth } from './json-depth.ts'
import { JSON_DEPTH_MAX, SCHEMA_SIZE_MAX } from './limits.ts'

/** The JSON object of a schema blob of any type; undefined for all other bytes. Never throws. */
export function readSchemaJson(bytes: Uint8Array): JsonObject | undefined {
  if (bytes[0] !== 0x7b || bytes.length > SCHEMA_SIZE_MAX) return undefined
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!buffer.includes('camliVersion') || jsonDepth(bytes) > JSON_DEPTH_MAX) return undefined
  try {
    const value = JSON.parse(buffer.toString()) as JsonObject
    return value['camliVersion'] === 1 && typeof value['camliType'] === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** Every ref in any string of a schema blob, once each, in order: the edges that keep blobs alive. */
export function refsIn(bytes: Uint8Array): BlobRef[] {
  const found = new Set<BlobRef>()
  const collect = (value: JsonValue): void => {
    if (isBlobRef(value)) found.add(value)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect)
  }
  collect(readSchemaJson(bytes) ?? null)
  return [...found]
}
