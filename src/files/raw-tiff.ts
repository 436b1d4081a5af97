import { type PictureSource, type RawPreview, readAt } from './picture-source.ts'

/** Directories (IFDs) that are looked at: cameras write fewer than ten. */
const DIRECTORIES_MAX = 32

/** Entries of one directory: cameras write some sixty. */
const ENTRIES_MAX = 512

/** Values of one entry that are read: directories below a directory, or strips. */
const VALUES_MAX = 16

const TAG = {
  rw2Jpeg: 0x002e,
  compression: 0x0103,
  stripOffsets: 0x0111,
  orientation: 0x0112,
  stripSizes: 0x0117,
  below: 0x014a,
  jpegOffset: 0x0201,
  jpegSize: 0x0202,
} as const

/** Compression by JPEG, old and new. */
const JPEG_COMPRESSIONS: readonly number[] = [6, 7, 34_892]

/** Bytes of one value, by type (TIFF 6.0, section 2); types that hold no numbers are left out. */
const VALUE_BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 7: 1, 13: 4 }

interface Entry {
  readonly type: number
  readonly count: number
  /** Where the values are. */
  readonly offset: number
}

type Directory = ReadonlyMap<number, Entry>

interface Reader {
  readonly source: PictureSource
  readonly isLittle: boolean
}

/**
 * All JPEGs that a TIFF-like file (CR2, NEF, ARW, DNG, RW2 …) refers to by its directories. What is broken is passed
 * over.
 */
export async function findTiffPreviews(source: PictureSource): Promise<RawPreview[]> {
  const head = await readAt(source, 0, 8)
  if (head.length < 8) return []
  const reader: Reader = { source, isLittle: head[0] === 0x49 }
  const previews: RawPreview[] = []
  const waiting = [readNumber(reader, head, { at: 4, bytes: 4 })]
  const seen = new Set<number>()
  let orientation: number | undefined
  while (waiting.length > 0 && seen.size < DIRECTORIES_MAX) {
    const at = waiting.shift() ?? 0
    if (at === 0 || seen.has(at)) continue
    seen.add(at)
    const { directory, next } = await readDirectory(reader, at)
    const [turned] = await valuesOf(reader, directory.get(TAG.orientation))
    // Of the first directory: that is the photo.
    if (seen.size === 1 && turned !== undefined && turned >= 1 && turned <= 8) orientation = turned
    for (const range of await jpegsOf(reader, directory)) previews.push({ ...range, orientation })
    waiting.push(...(await valuesOf(reader, directory.get(TAG.below))), next)
  }
  return previews
}

async function readDirectory(
  reader: Reader,
  at: number,
): Promise<{ directory: Directory; next: number }> {
  const head = await readAt(reader.source, at, 2)
  const count = head.length < 2 ? 0 : readNumber(reader, head, { at: 0, bytes: 2 })
  const directory = new Map<number, Entry>()
  if (count === 0 || count > ENTRIES_MAX) return { directory, next: 0 }
  const bytes = await readAt(reader.source, at + 2, 12 * count + 4)
  for (let i = 0; i + 12 <= Math.min(bytes.length, 12 * count); i += 12) {
    const number = (offset: number, size: number): number =>
      readNumber(reader, bytes, { at: i + offset, bytes: size })
    const [tag, type, values] = [number(0, 2), number(2, 2), number(4, 4)]
    const isHere = values * (VALUE_BYTES[type] ?? 5) <= 4
    directory.set(tag, { type, count: values, offset: isHere ? at + 2 + i + 8 : number(8, 4) })
  }
  const isWhole = bytes.length === 12 * count + 4
  return { directory, next: isWhole ? readNumber(reader, bytes, { at: 12 * count, bytes: 4 }) : 0 }
}

async function valuesOf(reader: Reader, entry: Entry | undefined): Promise<number[]> {
  const size = entry && VALUE_BYTES[entry.type]
  if (!entry || size === undefined) return []
  const count = Math.min(entry.count, VALUES_MAX)
  const bytes = await readAt(reader.source, entry.offset, count * size)
  const values: number[] = []
  for (let at = 0; at + size <= bytes.length; at += size)
    values.push(readNumber(reader, bytes, { at, bytes: size }))
  return values
}

type Range = Pick<RawPreview, 'begin' | 'size'>

async function jpegsOf(reader: Reader, directory: Directory): Promise<Range[]> {
  const found: Range[] = []
  const add = (begin: number | undefined, size: number | undefined): void => {
    if (begin === undefined || size === undefined || size === 0) return
    if (begin + size <= reader.source.size) found.push({ begin, size })
  }
  const [begin] = await valuesOf(reader, directory.get(TAG.jpegOffset))
  const [size] = await valuesOf(reader, directory.get(TAG.jpegSize))
  add(begin, size)
  const inside = directory.get(TAG.rw2Jpeg)
  if (inside?.type === 7) add(inside.offset, inside.count)
  const [compression = 0] = await valuesOf(reader, directory.get(TAG.compression))
  if (!JPEG_COMPRESSIONS.includes(compression)) return found
  const begins = await valuesOf(reader, directory.get(TAG.stripOffsets))
  const sizes = await valuesOf(reader, directory.get(TAG.stripSizes))
  if (begins.length === 1) add(begins[0], sizes[0])
  return found
}

function readNumber(
  { isLittle }: Reader,
  bytes: Buffer,
  { at, bytes: size }: { readonly at: number; readonly bytes: number },
): number {
  return isLittle ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
}
