import type { JsonObject, JsonValue } from '../base/json.ts'

/**
 * A JSON object as Perkeep writes schema (PROTOCOL 2), without a final line feed: `camliVersion`
 * first, all other keys by their bytes, two spaces a level. Refs depend on every byte of it. Keys
 * whose value is undefined are left out.
 */
export function canonicalJson(object: JsonObject): string {
  const { camliVersion, ...rest } = object
  const body = writeObject(rest, '')
  if (camliVersion === undefined) return body
  const first = `{"camliVersion": ${writeValue(camliVersion, '  ')}`
  return body === '{}' ? `${first}\n}` : `${first},${body.slice(1)}`
}

function writeValue(value: JsonValue, indent: string): string {
  if (typeof value === 'string') return writeString(value)
  if (Array.isArray(value)) return writeArray(value as readonly JsonValue[], indent)
  if (typeof value === 'object' && value !== null) return writeObject(value as JsonObject, indent)
  return JSON.stringify(value)
}

function writeArray(values: readonly JsonValue[], indent: string): string {
  const deeper = `${indent}  `
  return wrap(
    '[',
    values.map(value => deeper + writeValue(value, deeper)),
    `${indent}]`,
  )
}

function writeObject(object: JsonObject, indent: string): string {
  const deeper = `${indent}  `
  const lines = Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(
      ([key, value]) => `${deeper}${writeString(key)}: ${writeValue(value as JsonValue, deeper)}`,
    )
  return wrap('{', lines, `${indent}}`)
}

function wrap(open: string, lines: readonly string[], close: string): string {
  return lines.length === 0 ? open + close.trimStart() : `${open}\n${lines.join(',\n')}\n${close}`
}

/** Go's escapes: those of JSON.stringify, but for these; lone surrogates are what Go cannot have. */
function writeString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /\\\\|\\b|\\f|[<>&\u2028\u2029]/g,
    found => escapes[found] ?? found,
  )
}

const escapes: Readonly<Record<string, string>> = {
  '\\b': String.raw`\u0008`,
  '\\f': String.raw`\u000c`,
  '<': String.raw`\u003c`,
  '>': String.raw`\u003e`,
  '&': String.raw`\u0026`,
  '\u2028': String.raw`\u2028`,
  '\u2029': String.raw`\u2029`,
}
