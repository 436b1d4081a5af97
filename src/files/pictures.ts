import type { Clock } from '../base/clock.ts'
import { PICTURE_BYTES_MAX } from './limits.ts'
import { PICTURE_HEAD_BYTES, pictureKind } from './picture-kind.ts'
import { type PictureSource, readAt } from './picture-source.ts'
import type { PictureQuestion } from './picture-thread.ts'
import { noPicture, openPictureThreads } from './picture-threads.ts'
import { findRawPreview } from './raw-preview.ts'

/** A small picture of a large one. */
export interface SmallPicture {
  readonly mediaType: 'image/png' | 'image/jpeg'
  readonly bytes: Uint8Array
}

/** In pixels: the picture lies within it, and is not enlarged. */
export interface PictureSize {
  readonly width: number
  readonly height: number
}

/** Makes small pictures, on threads of its own that start with the first. */
export interface Pictures {
  /**
   * PNG stays PNG, all else becomes JPEG; upright, without what else the file says. Of a raw file, the camera's own
   * picture in it. Rejects with `NO_PICTURE` for what is none, is broken, or is too large to look at; with `BUSY` when
   * too many wait; with the signal's reason when that aborts before the picture's turn.
   */
  make(source: PictureSource, size: PictureSize, signal?: AbortSignal): Promise<SmallPicture>
  /** Ends the threads; what is being made rejects with `CLOSED`. */
  close(): Promise<void>
}

export function openPictures(clock: Clock): Pictures {
  const threads = openPictureThreads(clock)
  return {
    async make(source, size, signal) {
      const answer = await threads.run(async () => questionOf(source, size), signal)
      if ('failure' in answer) throw noPicture(answer.failure)
      return answer
    },
    close: () => threads.close(),
  }
}

/** Reads what the picture is made of: of a raw file only the preview. */
async function questionOf(
  source: PictureSource,
  { width, height }: PictureSize,
): Promise<PictureQuestion> {
  const kind = pictureKind(await readAt(source, 0, PICTURE_HEAD_BYTES))
  if (kind === undefined) throw noPicture('it is of no format that is known here')
  const preview = await findRawPreview(source, kind, Math.max(width, height))
  // A TIFF may be the picture itself.
  if (!preview && (kind === 'canon3' || kind === 'fujifilm')) throw noPicture('none is in it')
  const { begin, size, orientation } = preview ?? { begin: 0, size: source.size }
  if (size > PICTURE_BYTES_MAX) throw noPicture(`it has ${size} bytes`)
  const bytes = new Uint8Array(await readAt(source, begin, size))
  return { bytes, isHeic: kind === 'heic', orientation, width, height }
}
