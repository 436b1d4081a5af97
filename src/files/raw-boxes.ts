import { type PictureSource, type RawPreview, readAt } from './picture-source.ts'

/** Boxes at the top of a CR3 that are passed: cameras write five. */
const BOXES_MAX = 32

/** The box of a CR3 that holds its preview: the bytes behind `uuid`. */
const PREVIEW_UUID = 'eaf42b5e1c984b88b9fbb7dc406e4d16'

/** From the UUID on: eight bytes, then the head of the box `PRVW`, in which the size of the JPEG stands before it. */
const PREVIEW_BYTES = 16 + 8 + 24

/** The preview of a CR3, which is made of boxes (ISO/IEC 14496-12). Its orientation stands in the JPEG. */
export async function findCanon3Preview(source: PictureSource): Promise<RawPreview[]> {
  let at = 0
  for (let count = 0; count < BOXES_MAX; count += 1) {
    const head = await readAt(source, at, 16)
    if (head.length < 16) return []
    const isLong = head.readUInt32BE(0) === 1
    const size = isLong ? Number(head.readBigUInt64BE(8)) : head.readUInt32BE(0)
    const begin = at + (isLong ? 16 : 8)
    if (head.toString('latin1', 4, 8) === 'uuid') {
      const bytes = await readAt(source, begin, PREVIEW_BYTES)
      if (bytes.toString('hex', 0, 16) === PREVIEW_UUID) return previewIn(source, bytes, begin)
    }
    if (size < 8) return []
    at += size
  }
  return []
}

function previewIn(source: PictureSource, bytes: Buffer, begin: number): RawPreview[] {
  if (bytes.length < PREVIEW_BYTES || bytes.toString('latin1', 28, 32) !== 'PRVW') return []
  return within(source, begin + PREVIEW_BYTES, bytes.readUInt32BE(44))
}

/** The preview of a RAF: where it is stands in the head. Its orientation stands in the JPEG. */
export async function findFujifilmPreview(source: PictureSource): Promise<RawPreview[]> {
  const head = await readAt(source, 84, 8)
  return head.length < 8 ? [] : within(source, head.readUInt32BE(0), head.readUInt32BE(4))
}

function within(source: PictureSource, begin: number, size: number): RawPreview[] {
  if (size === 0 || begin + size > source.size) return []
  return [{ begin, size, orientation: undefined }]
}
