import type { JsonObject, JsonValue } from '../base/json.ts'
import { compareText } from '../base/text-order.ts'

/**
 * JSON text as Perkeep writes it: Go's encoder with sorted keys and two blanks of indent,
 * one element a line. Refs depend on every byte of it. `camliVersion`, the one key out of order,
 * stands first; the text ends with `}` and no line feed.
 */
export function writeCanonicalSchema(fields: JsonObject): string {
  const rest = writeValue(fields, '')
  return `{"camliVersion": 1,${rest.slice(1)}`
}

function writeValue(value: JsonValue, indent: string): string {
  if (typeof value === 'string') return quote(value)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    return bracket(
      '[',
      (value as readonly JsonValue[]).map(item => writeValue(item, inner)),
      ']',
      indent,
    )
  }
  const entries = Object.entries(value as JsonObject).sort(([a], [b]) => compareText(a, b))
  return bracket(
    '{',
    entries.map(([key, item]) => `${quote(key)}: ${writeValue(item, inner)}`),
    '}',
    indent,
  )
}

// oxlint-disable-next-line max-params -- the four parts of a bracketed list
function bracket(open: string, items: readonly string[], close: string, indent: string): string {
  if (items.length === 0) return open + close
  return `${open}\n${indent}  ${items.join(`,\n${indent}  `)}\n${indent}${close}`
}

/** Text that no encoder escapes: nearly all there is in schema. */
const plain = /^[ !#-%'-;=?-[\]-~]*$/

/** Escapes that JSON.stringify and Go's encoder do not share. */
const goEscapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** A string as Go 1.19 quotes it; a lone surrogate (bytes that were no UTF-8) becomes `\ufffd`. */
function quote(text: string): string {
  if (plain.test(text)) return `"${text}"`
  return JSON.stringify(text)
    .replaceAll(/\\(u[dD][89a-fA-F]..|b|f|.)/g, (escape, what: string) => {
      if (what === 'b') return '\\u0008'
      if (what === 'f') return '\\u000c'
      return what.length === 5 ? '\\ufffd' : escape
    })
    .replaceAll(/[<>&\u2028\u2029]/g, character => goEscapes[character] ?? character)
}
