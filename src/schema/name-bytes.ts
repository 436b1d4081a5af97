import type { JsonValue } from '../base/json.ts'

/**
 * Names and link targets in schema: text where the bytes are UTF-8, else an array of the
 * longest runs of UTF-8 and of numbers, one for each byte that belongs to none.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes as text when they are valid UTF-8, else undefined. */
export function textOfBytes(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** The mixed array for bytes that are not UTF-8. */
export function mixedArray(bytes: Uint8Array): (string | number)[] {
  const items: (string | number)[] = []
  let begin = 0
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    if (length > 0) {
      at += length
      continue
    }
    if (at > begin) items.push(strict.decode(bytes.subarray(begin, at)))
    items.push(bytes[at] ?? 0)
    at += 1
    begin = at
  }
  if (bytes.length > begin) items.push(strict.decode(bytes.subarray(begin)))
  return items
}

/** Length of the UTF-8 sequence at `at`, 0 when there is none (surrogates and overlong ones are none). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  const isWhole = first >= 0xc2 && first <= 0xf4 && at + length <= bytes.length
  return isWhole && textOfBytes(bytes.subarray(at, at + length)) !== undefined ? length : 0
}

/** Reads a text or a mixed array; undefined for anything else. */
export function bytesOfJson(value: JsonValue): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value)
  if (!Array.isArray(value)) return undefined
  const pieces: Uint8Array[] = []
  for (const item of value as readonly JsonValue[]) {
    if (typeof item === 'string') pieces.push(Buffer.from(item))
    else if (isByte(item)) pieces.push(Uint8Array.of(item))
    else return undefined
  }
  return Buffer.concat(pieces)
}

function isByte(value: JsonValue): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255
}

/**
 * Whether bytes may name an entry of a directory: no empty name, no `.` or `..`, no `/` and no NUL. What a
 * restore refuses to write.
 */
export function isSafeName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > 255) return false
  if (name.includes(0x2f) || name.includes(0)) return false
  const text = name.length <= 2 ? Buffer.from(name).toString('latin1') : ''
  return text !== '.' && text !== '..'
}
