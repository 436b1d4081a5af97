import { SHOWN_NAME_MAX } from './file-limits.ts'

/** Characters of a name that need no quotes in a header (RFC 9110, a token). */
const TOKEN = /^[\w!#$&+.^`|~-]+$/

/**
 * `Content-Disposition` for a file of this name, in whatever bytes: unquoted as Perkeep writes it where that is possible, else
 * as RFC 6266 has it, with the exact name in UTF-8 beside a plain one.
 */
export function contentDisposition(isInline: boolean, name: Uint8Array | undefined): string {
  const kind = isInline ? 'inline' : 'attachment'
  const text = Buffer.from(name ?? [])
    .toString('utf8')
    .replaceAll(/[\p{Cc}/\\]/gu, '_')
    .slice(0, SHOWN_NAME_MAX)
  if (text === '') return kind
  if (TOKEN.test(text)) return `${kind}; filename=${text}`
  const plain = text.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  const exact = encodeURIComponent(text.toWellFormed()).replaceAll(/['()*]/g, escapeCharacter)
  return `${kind}; filename="${plain}"; filename*=UTF-8''${exact}`
}

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}
