import { foldKey } from './fields.ts'
import { JSON_DEPTH_MAX } from './limits.ts'

/** What a scan over JSON text found before it is handed to JSON.parse. */
export interface JsonShape {
  /** False when brackets nest deeper than the limit. */
  readonly isShallow: boolean
  /** True when one object has two keys that are equal, or that Go's reader takes for equal. */
  readonly hasTwinKeys: boolean
}

/**
 * Looks at JSON text without parsing it: depth (so that no reader's stack is at risk) and keys that
 * JSON.parse would silently merge. The text may be malformed; JSON.parse says that.
 */
export function scanJson(text: string): JsonShape {
  const objects: (Set<string> | 'no key yet' | 'array')[] = []
  let hasTwinKeys = false
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      const end = endOfString(text, at)
      const keys = objects.at(-1)
      if (!hasTwinKeys && keys !== undefined && keys !== 'array' && isKey(text, end)) {
        const key = foldKey(unquote(text.slice(at, end)))
        if (keys === 'no key yet') objects[objects.length - 1] = new Set([key])
        else if (keys.has(key)) hasTwinKeys = true
        else keys.add(key)
      }
      at = end - 1
    } else if (code === 0x7b || code === 0x5b) {
      objects.push(code === 0x7b ? 'no key yet' : 'array')
      if (objects.length > JSON_DEPTH_MAX) return { isShallow: false, hasTwinKeys }
    } else if (code === 0x7d || code === 0x5d) {
      objects.pop()
    }
  }
  return { isShallow: true, hasTwinKeys }
}

/** Position behind the closing quote of the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1
  while (end < text.length && text.charCodeAt(end) !== 0x22) {
    end += text.charCodeAt(end) === 0x5c ? 2 : 1
  }
  return end + 1
}

function isKey(text: string, end: number): boolean {
  let at = end
  while (isBlank(text.charCodeAt(at))) at += 1
  return text.charCodeAt(at) === 0x3a
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

function unquote(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return String(JSON.parse(quoted))
  } catch {
    return quoted
  }
}
