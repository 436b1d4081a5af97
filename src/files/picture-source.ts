/** The content of a file that may be a picture, wherever it is. */
export interface PictureSource {
  /** In bytes. */
  readonly size: number
  /** All of the range, which lies within the content. */
  readonly read: (begin: number, size: number) => Promise<Uint8Array>
}

/** A JPEG inside a camera's raw file. */
export interface RawPreview {
  readonly begin: number
  /** In bytes. */
  readonly size: number
  /** By EXIF, 1 to 8, as the file around it says; undefined where it does not. */
  readonly orientation: number | undefined
}

/** What there is of a range: less, or nothing, where the content ends. */
export async function readAt(source: PictureSource, begin: number, size: number): Promise<Buffer> {
  const there = Math.min(size, source.size - begin)
  if (begin < 0 || there <= 0) return Buffer.alloc(0)
  const bytes = await source.read(begin, there)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
