import { mixedArray } from '../schema/name-bytes.ts'

/** Bytes of a name or path as text for people: what is no UTF-8 as `\xNN`. */
export function displayName(path: Uint8Array): string {
  return mixedArray(path)
    .map(item =>
      typeof item === 'string'
        ? item.replaceAll(/\\(?=x[0-9a-f]{2})/g, String.raw`\x5c`)
        : `\\x${item.toString(16).padStart(2, '0')}`,
    )
    .join('')
}

/** The bytes that a person means by such text. */
export function bytesOfDisplay(text: string): Uint8Array {
  const pieces = text.split(/(\\x[0-9a-f]{2})/)
  return Buffer.concat(
    pieces.map((piece, at) =>
      at % 2 === 1 ? Buffer.from(piece.slice(2), 'hex') : Buffer.from(piece),
    ),
  )
}
