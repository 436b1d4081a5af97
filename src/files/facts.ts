import { textOfBytes } from '../schema/name-bytes.ts'
import type { FileFacts } from '../schema/schema-blob.ts'

/** What a file's first bytes tell of it. */
export type ContentFacts = Omit<FileFacts, 'file' | 'wholeRef' | 'size'>

/** Bytes that are looked at to tell text from anything else. */
const TEXT_SAMPLE_BYTES = 4096

/** EXIF orientations in which the picture lies on its side. */
const FIRST_SIDEWAYS = 5
const LAST_SIDEWAYS = 8

/**
 * Reads media type, picture size and EXIF basics from the beginning of a file. What is broken or not recognised
 * is left out; it never fails. Text, which most files are, is told without loading any parser.
 */
export async function factsOfContent(head: Uint8Array): Promise<ContentFacts> {
  if (head.length === 0) return {}
  if (isText(head)) return { mediaType: 'text/plain' }
  const { fileTypeFromBuffer } = await import('file-type')
  const mediaType = (await fileTypeFromBuffer(head).catch(() => undefined))?.mime
  if (mediaType?.startsWith('image/') !== true) return { mediaType }
  return { mediaType, ...(await factsOfImage(head)) }
}

/** Valid UTF-8 without NUL, as far as a sample shows; a sequence may be cut at its end. */
function isText(head: Uint8Array): boolean {
  const sample = head.subarray(0, TEXT_SAMPLE_BYTES)
  if (sample.includes(0)) return false
  const cuts = sample.length < head.length ? [0, 1, 2, 3] : [0]
  return cuts.some(cut => textOfBytes(sample.subarray(0, sample.length - cut)) !== undefined)
}

async function factsOfImage(head: Uint8Array): Promise<ContentFacts> {
  const { imageSize } = await import('image-size')
  const size = attempt(() => imageSize(head))
  const exif = await readExif(head)
  const orientation = exif.orientation ?? size?.orientation ?? 1
  const isSideways = orientation >= FIRST_SIDEWAYS && orientation <= LAST_SIDEWAYS
  const [width, height] = isSideways ? [size?.height, size?.width] : [size?.width, size?.height]
  const { taken, camera, latitude, longitude } = exif
  return { width: positive(width), height: positive(height), taken, camera, latitude, longitude }
}

interface Exif {
  readonly taken?: string | undefined
  readonly camera?: string | undefined
  readonly latitude?: number | undefined
  readonly longitude?: number | undefined
  readonly orientation?: number | undefined
}

async function readExif(head: Uint8Array): Promise<Exif> {
  const { default: exifr } = await import('exifr')
  const pick = [
    'DateTimeOriginal',
    'Make',
    'Model',
    'Orientation',
    'GPSLatitude',
    'GPSLongitude',
    'GPSLatitudeRef',
    'GPSLongitudeRef',
  ]
  const options = { pick, reviveValues: false, translateValues: false, gps: true }
  const found: unknown = await exifr.parse(head, options).catch(() => undefined)
  if (typeof found !== 'object' || found === null) return {}
  const tags = found as Readonly<Record<string, unknown>>
  const camera = [tags['Make'], tags['Model']]
    .map(plainText)
    .filter(text => text !== undefined)
    .join(' ')
  return {
    taken: exifDate(tags['DateTimeOriginal']),
    camera: camera === '' ? undefined : camera,
    latitude: degrees(tags['latitude'], 90),
    longitude: degrees(tags['longitude'], 180),
    orientation: typeof tags['Orientation'] === 'number' ? tags['Orientation'] : undefined,
  }
}

/** `2024:05:06 07:08:09`, as cameras write it, in the form of the schema. */
function exifDate(value: unknown): string | undefined {
  const match =
    typeof value === 'string' ? /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)/.exec(value) : null
  return match ? `${match[1]}-${match[2]}-${match[3]}T${match[4]}` : undefined
}

/** Longest camera name that is kept, in characters. */
const CAMERA_MAX = 100

function plainText(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.replaceAll('\0', '').trim().toWellFormed().slice(0, CAMERA_MAX)
  return text === '' ? undefined : text
}

function degrees(value: unknown, max: number): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= max ? value : undefined
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : undefined
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
