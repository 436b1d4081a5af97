import { hash } from 'node:crypto'
import { join } from 'node:path'

import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { FileLayer } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import { openShared } from '../base/shared.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { BlobSource } from '../blob/store.ts'
import { type PictureSize, type SmallPicture, openPictures } from '../files/pictures.ts'
import { fetchSchema } from '../schema/fetch.ts'
import { readFileContent, sizeOfParts } from '../schema/file-reader.ts'
import type { FileSchema } from '../schema/schema-blob.ts'

/** Small pictures of files, kept beside the blobs once they are made. */
export interface Thumbnails {
  /**
   * Rejects as `Pictures.make` does, with `BLOB_MISSING` for a file that is not here, and `BAD_SCHEMA` for what is no
   * file.
   */
  get(file: BlobRef, size: PictureSize, signal?: AbortSignal): Promise<SmallPicture>
  /** Removes those of files that are not here any more. Bounded work a folder. */
  sweep(): Promise<void>
  close(): Promise<void>
}

interface ThumbnailParts {
  readonly directory: string
  readonly files: FileLayer
  readonly clock: Clock
  readonly log: Log
  readonly store: Pick<BlobSource, 'fetch' | 'stat'>
}

/** Folders that they are spread over, so that each is small enough to be looked through. */
const FOLDERS = 256

/** Bytes of thumbnails in one folder, 1 GiB in all: some ten thousands of them. */
const FOLDER_BYTES_MAX = 4 * 1024 * 1024

/** Milliseconds between two looks at whose files are gone: a day. */
const SWEEP_MS = 24 * 60 * 60 * 1000

/** The first sweep of a process does not slow its start. */
const FIRST_SWEEP_MS = 60_000

const DIGEST_BYTES = 32

const MEDIA_TYPES = ['image/png', 'image/jpeg'] as const

/**
 * A thumbnail is a file: SHA-256 of what follows, a byte that says the media type, the picture. It is a cache: what is
 * lost or damaged is made again.
 */
export function openThumbnails(parts: ThumbnailParts): Thumbnails {
  const { directory, files, clock, log, store } = parts
  const pictures = openPictures(clock)
  const shared = openShared<SmallPicture>()
  let isClosed = false
  let cancelSweep = clock.after(FIRST_SWEEP_MS, sweepQuietly)

  function sweepQuietly(): void {
    sweep()
      .catch((error: unknown) => log.warn('thumbnails not swept', { reason: String(error) }))
      .finally(() => {
        if (!isClosed) cancelSweep = clock.after(SWEEP_MS, sweepQuietly)
      })
      .catch(() => undefined)
  }

  async function sweep(): Promise<void> {
    for (let folder = 0; folder < FOLDERS && !isClosed; folder += 1)
      await sweepFolder(parts, join(directory, folderName(folder)))
  }

  async function make(
    path: string,
    schema: FileSchema,
    { size, signal }: { readonly size: PictureSize; readonly signal: AbortSignal },
  ): Promise<SmallPicture> {
    const picture = await pictures.make(sourceOf(store, schema), size, signal)
    await keep(parts, path, picture).catch((error: unknown) =>
      log.warn('thumbnail not kept', { reason: String(error) }),
    )
    return picture
  }

  return {
    async get(file, size, signal) {
      const schema = await fetchSchema(async ref => store.fetch(ref), file, ['file'])
      const name = `${file}-${size.width}x${size.height}`
      const path = join(directory, folderName(parseInt(hash('sha256', name).slice(0, 2), 16)), name)
      const known = await readKept(files, path)
      if (known) return known
      return shared.run(path, async all => make(path, schema, { size, signal: all }), signal)
    },
    sweep,
    async close() {
      isClosed = true
      cancelSweep()
      await pictures.close()
      await shared.idle()
    },
  }
}

function folderName(folder: number): string {
  return folder.toString(16).padStart(2, '0')
}

function sourceOf(
  store: Pick<BlobSource, 'fetch'>,
  { parts }: FileSchema,
): { size: number; read: (begin: number, size: number) => Promise<Uint8Array> } {
  return {
    size: sizeOfParts(parts),
    async read(begin, size) {
      const into = new Uint8Array(size)
      let at = 0
      for await (const piece of readFileContent(async ref => store.fetch(ref), parts, {
        begin,
        size,
      })) {
        if (piece.bytes) into.set(piece.bytes, at)
        at += piece.size
      }
      return into
    },
  }
}

async function readKept(files: FileLayer, path: string): Promise<SmallPicture | undefined> {
  const content = await files.readFile(path)
  const mediaType = MEDIA_TYPES[content?.[DIGEST_BYTES] ?? -1]
  if (!content || mediaType === undefined) return undefined
  const digest = hash('sha256', content.subarray(DIGEST_BYTES), 'buffer')
  if (!digest.equals(content.subarray(0, DIGEST_BYTES))) return undefined
  return { mediaType, bytes: content.subarray(DIGEST_BYTES + 1) }
}

/** Not synced: what a power cut leaves of it is recognised. */
async function keep(parts: ThumbnailParts, path: string, picture: SmallPicture): Promise<void> {
  const { files } = parts
  const folder = join(path, '..')
  await files.makeDirectory(folder)
  const rest = Buffer.concat([Buffer.from([MEDIA_TYPES.indexOf(picture.mediaType)]), picture.bytes])
  const temporary = `${path}.tmp`
  await files.remove(temporary)
  const file = await files.open(temporary, 'create')
  try {
    await file.write([hash('sha256', rest, 'buffer'), rest], 0)
  } finally {
    await file.close()
  }
  await files.rename(temporary, path)
  await sweepFolder(parts, folder)
}

/** Removes what is of no file that is here, and of what is left the oldest beyond the bound. */
async function sweepFolder({ files, store }: ThumbnailParts, folder: string): Promise<void> {
  const names = (await files.list(folder)) ?? []
  const refs = names.map(name => name.slice(0, name.lastIndexOf('-')))
  const sizes = await store.stat(refs.filter(isBlobRef))
  const here = new Set(refs.filter(isBlobRef).filter((_, i) => sizes[i] !== undefined))
  const kept: { path: string; size: number; time: number }[] = []
  for (const [i, name] of names.entries()) {
    const path = join(folder, name)
    if (!here.has(refs[i] as BlobRef) || name.endsWith('.tmp')) await files.remove(path)
    else
      kept.push({
        path,
        size: (await files.fileSize(path)) ?? 0,
        time: (await files.modifiedTime(path)) ?? 0,
      })
  }
  kept.sort((a, b) => b.time - a.time)
  let total = 0
  for (const { path, size } of kept) {
    total += size
    if (total > FOLDER_BYTES_MAX) await files.remove(path)
  }
}

/** The sizes that may be asked for, in pixels: Perkeep's. */
const THUMBNAIL_PIXELS_MAX = 2000

/** A width or a height as text; the largest where nothing is asked. Throws `BAD_USAGE`. */
export function readPixels(text: string | null): number {
  if (text === null) return THUMBNAIL_PIXELS_MAX
  const pixels = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (pixels >= 1 && pixels <= THUMBNAIL_PIXELS_MAX) return pixels
  throw new PeerkeepError('BAD_USAGE', `mw and mh are 1 to ${THUMBNAIL_PIXELS_MAX} pixels`)
}
