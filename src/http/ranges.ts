/** A stretch of bytes: from `begin` up to before `end`. */
export interface ByteRange {
  readonly begin: number
  readonly end: number
}

/** Ranges of one request: who asks for more small pieces than this gets everything. */
const RANGES_MAX = 64

/**
 * What of `size` bytes a `Range` header asks for (RFC 9110, section 14): undefined for all of them (no header, one in
 * another unit, or one that makes no sense), an empty list when nothing of it is there.
 */
export function readRanges(header: string | undefined, size: number): ByteRange[] | undefined {
  const list = /^\s*bytes\s*=(.*)$/i.exec(header ?? '')?.[1]?.split(',')
  if (!list || list.length > RANGES_MAX) return undefined
  const ranges: ByteRange[] = []
  for (const item of list) {
    const [, first = '', last = ''] = /^\s*(\d{0,15})-(\d{0,15})\s*$/.exec(item) ?? []
    if (first === '' && last === '') return undefined
    const begin = first === '' ? Math.max(0, size - Number(last)) : Number(first)
    const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size)
    if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined
    if (begin < end) ranges.push({ begin, end })
  }
  // Overlapping ones could make a small request an endless answer.
  const total = ranges.reduce((sum, { begin, end }) => sum + end - begin, 0)
  return total > size ? undefined : ranges
}

/** `bytes 0-9/100`, for the answer. */
export function contentRange({ begin, end }: ByteRange, size: number): string {
  return `bytes ${begin}-${end - 1}/${size}`
}

/** The pieces that several ranges are answered in: heads between `boundary` lines, and the ranges of the content. */
export function multipartRanges(
  ranges: readonly ByteRange[],
  {
    size,
    type,
    boundary,
  }: { readonly size: number; readonly type: string; readonly boundary: string },
): { readonly pieces: readonly (Buffer | ByteRange)[]; readonly length: number } {
  const pieces = ranges.flatMap(range => [
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
    ),
    range,
  ])
  pieces.push(Buffer.from(`\r\n--${boundary}--\r\n`))
  const length = pieces.reduce(
    (sum, piece) => sum + ('begin' in piece ? piece.end - piece.begin : piece.length),
    0,
  )
  return { pieces, length }
}
