/** What a file's first bytes say of how a picture is got from it. */
export type PictureKind = 'plain' | 'tiff' | 'heic' | 'canon3' | 'fujifilm'

/** Bytes that tell. */
export const PICTURE_HEAD_BYTES = 64

const TIFF_HEADS = ['II*\0', 'MM\0*', 'IIRO', 'IIRS', 'IIU\0']
const HEIC_BRANDS = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']

/**
 * Undefined for what is no picture. `plain` is what sharp reads; `tiff` may be a picture, or a camera's raw file with
 * one inside, as `canon3` (CR3) and `fujifilm` (RAF) have one.
 */
export function pictureKind(head: Uint8Array): PictureKind | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1')
  if (text.startsWith('\xff\xd8\xff') || text.startsWith('\x89PNG\r\n\x1a\n')) return 'plain'
  if (/^GIF8[79]a/.test(text) || /^RIFF....WEBP/s.test(text)) return 'plain'
  if (text.startsWith('FUJIFILMCCD-RAW')) return 'fujifilm'
  if (TIFF_HEADS.includes(text.slice(0, 4))) return 'tiff'
  return text.slice(4, 8) === 'ftyp' ? kindOfBrands(text.slice(8)) : undefined
}

/** ISO/IEC 14496-12, `ftyp`: the major brand, its version, then those that the file is compatible with. */
function kindOfBrands(text: string): PictureKind | undefined {
  const brands = [text.slice(0, 4)]
  for (let at = 8; at + 4 <= text.length; at += 4) brands.push(text.slice(at, at + 4))
  const [major = ''] = brands
  if (major === 'crx ') return 'canon3'
  if (brands.includes('avif')) return 'plain'
  return brands.some(brand => HEIC_BRANDS.includes(brand)) ? 'heic' : undefined
}
