import type { FileLayer, OpenFile } from '../base/files.ts'
import { openHandleCache } from './handle-cache.ts'
import type { ReadPack } from './read-ahead.ts'

/** The numbered files of one diskpacked directory: what they are called, how many there are, reading them. */
export interface PackFiles {
  readonly directory: string
  /** Number of packs; they are numbered from 0. */
  count(): number
  fileOf(pack: number): string
  /** The file's length; undefined when the pack is missing. */
  length(pack: number): Promise<number | undefined>
  /** Fewer bytes are read when the pack is shorter. */
  readonly read: ReadPack
  /** Runs `use` with the open file of a pack, undefined when it is missing. */
  withFile<Result>(
    pack: number,
    use: (file: OpenFile | undefined) => Promise<Result>,
  ): Promise<Result>
  /** A file of its own for a long read, which the caller closes; undefined when the pack is missing. */
  openForReading(pack: number): Promise<OpenFile | undefined>
  /** Makes the names of the packs survive a power cut. */
  syncNames(): Promise<void>
  close(): Promise<void>
}

/** The same for the one who appends: only he makes packs. */
export interface GrowingPackFiles extends PackFiles {
  /** Makes the next pack, empty, its name synced; answers its number. */
  makePack(): Promise<number>
}

const packPattern = /^pack-(\d{5,})\.blobs$/

export function packFileName(pack: number): string {
  return `pack-${String(pack).padStart(5, '0')}.blobs`
}

/** The numbers of the packs that lie in a directory, ascending. */
export async function listPacks(files: FileLayer, directory: string): Promise<number[]> {
  const names = (await files.list(directory)) ?? []
  return names
    .flatMap(name => packPattern.exec(name)?.slice(1).map(Number) ?? [])
    .toSorted((a, b) => a - b)
}

/**
 * Opens the directory, which is made when it is missing. `countMin` is how many packs the index knows: numbers
 * below it are never given to new packs, even when the files are gone.
 */
export async function openPackFiles(
  files: FileLayer,
  directory: string,
  countMin: number,
): Promise<GrowingPackFiles> {
  await files.makeDirectory(directory)
  const last = (await listPacks(files, directory)).at(-1)
  let count = Math.max(countMin, last === undefined ? 0 : last + 1)
  const fileOf = (pack: number): string => `${directory}/${packFileName(pack)}`
  const handles = openHandleCache(pack => files.open(fileOf(pack), 'update'))

  return {
    directory,
    count: () => count,
    fileOf,
    length: pack => handles.use(pack, async file => file?.size()),
    // oxlint-disable-next-line max-params -- where, how much, and into what
    read: (pack, offset, size, room) =>
      handles.use(pack, async file => {
        if (!file) return undefined
        const bytes = room?.subarray(0, size) ?? Buffer.allocUnsafe(size)
        return bytes.subarray(0, await file.read(bytes, offset))
      }),
    withFile: (pack, use) => handles.use(pack, use),
    openForReading: pack => files.open(fileOf(pack), 'read'),
    async makePack() {
      // A name may be left over from a creation that failed half-way; nothing in it was acknowledged.
      const pack = count
      await files.remove(fileOf(pack))
      const present = new Set(await listPacks(files, directory))
      for (let number = 0; number <= pack; number += 1) {
        // Readers stop at the first number that is missing, so a pack that was lost leaves an empty file.
        if (!present.has(number)) await (await files.open(fileOf(number), 'create')).close()
      }
      await files.syncDirectory(directory)
      count += 1
      return pack
    },
    syncNames: () => files.syncDirectory(directory),
    close: () => handles.close(),
  }
}
