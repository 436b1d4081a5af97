import { createRequire } from 'node:module'
import { parentPort } from 'node:worker_threads'

import sharp, { type Sharp } from 'sharp'

import { HEIC_PIXELS_MAX, PICTURE_PIXELS_MAX, PICTURE_TIMEOUT_S } from './limits.ts'

/** The thread that makes small pictures: what is in a file is decoded nowhere else. `pictures.ts` is its other end. */

export interface PictureQuestion {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly isHeic: boolean
  /** EXIF orientation for a picture that does not say it itself. */
  readonly orientation: number | undefined
  /** Pixels at most. */
  readonly width: number
  readonly height: number
}

export type PictureAnswer =
  | { readonly bytes: Uint8Array; readonly mediaType: 'image/png' | 'image/jpeg' }
  | { readonly failure: string }

/** Of all formats that the library reads, those that people's pictures have. */
const LOADERS = ['Jpeg', 'Png', 'Webp', 'Tiff', 'Nsgif', 'Heif'].map(
  name => `VipsForeignLoad${name}Buffer`,
)

const JPEG_QUALITY = 90

// The HEIC library says there what is wrong with a file; the answer does too.
for (const name of ['log', 'warn', 'error'] as const) console[name] = () => undefined

sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: LOADERS })
sharp.cache(false)
sharp.concurrency(1)

/** What is broken further down still shows its top. */
const READING = {
  failOn: 'none',
  limitInputPixels: PICTURE_PIXELS_MAX,
  sequentialRead: true,
} as const

async function shrink(question: PictureQuestion): Promise<PictureAnswer> {
  const { bytes, isHeic, orientation, width, height } = question
  const picture = isHeic ? await decodeHeic(bytes) : sharp(bytes, READING)
  const known = isHeic ? undefined : await picture.metadata()
  const small = upright(picture, known?.orientation === undefined ? orientation : undefined)
    .resize({ width, height, fit: 'inside', withoutEnlargement: true })
    .timeout({ seconds: PICTURE_TIMEOUT_S })
  if (known?.format === 'png')
    return { bytes: await small.png().toBuffer(), mediaType: 'image/png' }
  const jpeg = small.flatten({ background: '#ffffff' }).jpeg({ quality: JPEG_QUALITY })
  return { bytes: await jpeg.toBuffer(), mediaType: 'image/jpeg' }
}

/** Turned as `orientation` says (EXIF 2.3, 4.6.4 A), else as the picture itself does. sharp mirrors before it turns. */
function upright(picture: Sharp, orientation: number | undefined): Sharp {
  if (orientation === undefined) return picture.autoOrient()
  const isMirrored = [2, 4, 5, 7].includes(orientation)
  const rotated = picture.rotate(ANGLES[orientation] ?? 0)
  return isMirrored ? rotated.flop() : rotated
}

/** Degrees clockwise, by EXIF orientation, of what is mirrored from left to right already where it is to be. */
const ANGLES: Readonly<Record<number, number>> = { 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270 }

interface HeifImage {
  get_width(): number
  get_height(): number
  display(
    into: { readonly data: Uint8ClampedArray; readonly width: number; readonly height: number },
    done: (filled: object | null) => void,
  ): void
  free(): void
}

interface Libheif {
  readonly HeifDecoder: new () => { decode(bytes: Uint8Array): HeifImage[] }
}

let libheif: Libheif | undefined

/** The library turns it upright itself. */
async function decodeHeic(bytes: Uint8Array): Promise<Sharp> {
  libheif ??= createRequire(import.meta.url)('libheif-js/wasm-bundle') as Libheif
  const images = new libheif.HeifDecoder().decode(bytes)
  try {
    const [image] = images
    const [width, height] = [image?.get_width() ?? 0, image?.get_height() ?? 0]
    if (!image || width * height === 0) throw new Error('it holds no picture')
    if (width * height > HEIC_PIXELS_MAX) throw new Error(`it has ${width} x ${height} pixels`)
    const data = new Uint8ClampedArray(4 * width * height)
    await new Promise<void>((resolve, reject) =>
      image.display({ data, width, height }, filled =>
        filled ? resolve() : reject(new Error('it cannot be decoded')),
      ),
    )
    return sharp(data, { raw: { width, height, channels: 4 } })
  } finally {
    for (const image of images) image.free()
  }
}

parentPort?.on('message', (question: PictureQuestion) => {
  shrink(question)
    .catch((error: unknown): PictureAnswer => ({ failure: String(error) }))
    .then(answer => parentPort?.postMessage(answer))
    .catch(() => undefined)
})
