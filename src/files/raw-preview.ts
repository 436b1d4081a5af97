import { findCanon3Preview, findFujifilmPreview } from './raw-boxes.ts'
import { findTiffPreviews } from './raw-tiff.ts'
import type { PictureKind } from './picture-kind.ts'
import { type PictureSource, type RawPreview, readAt } from './picture-source.ts'

/** Markers of a JPEG that are passed before its size is known: more than any camera writes. */
const MARKERS_MAX = 40

/**
 * The picture that a camera put into a raw file for whoever cannot develop it: the smallest that is as large as asked,
 * else the largest. Undefined where there is none. Reads what it needs to, bounded.
 */
export async function findRawPreview(
  source: PictureSource,
  kind: PictureKind,
  pixels: number,
): Promise<RawPreview | undefined> {
  const previews = await candidatesOf(source, kind)
  const sized: (RawPreview & { readonly pixels: number })[] = []
  for (const preview of previews) {
    const side = await longerSide(source, preview)
    if (side !== undefined) sized.push({ ...preview, pixels: side })
  }
  sized.sort((a, b) => a.pixels - b.pixels)
  return sized.find(preview => preview.pixels >= pixels) ?? sized.at(-1)
}

async function candidatesOf(
  source: PictureSource,
  kind: PictureKind,
): Promise<readonly RawPreview[]> {
  if (kind === 'tiff') return findTiffPreviews(source)
  if (kind === 'canon3') return findCanon3Preview(source)
  return kind === 'fujifilm' ? findFujifilmPreview(source) : []
}

/**
 * Of a JPEG that any program shows, in pixels: raw data too may be a JPEG, lossless, and a picture in a TIFF one whose
 * tables are elsewhere.
 */
async function longerSide(
  source: PictureSource,
  { begin, size }: RawPreview,
): Promise<number | undefined> {
  let at = begin
  const start = await readAt(source, at, 2)
  if (start.length < 2 || start.readUInt16BE(0) !== 0xffd8) return undefined
  at += 2
  let hasTables = false
  for (let count = 0; count < MARKERS_MAX && at < begin + size; count += 1) {
    const head = await readAt(source, at, 9)
    if (head.length < 9 || head[0] !== 0xff) return undefined
    const marker = head[1] ?? 0
    hasTables ||= marker === 0xdb
    if (marker >= 0xc0 && marker <= 0xc2)
      return hasTables ? Math.max(head.readUInt16BE(5), head.readUInt16BE(7)) : undefined
    // Other frames, or the data itself.
    if ((marker >= 0xc3 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8) || marker === 0xda)
      return undefined
    at += 2 + head.readUInt16BE(2)
  }
  return undefined
}
