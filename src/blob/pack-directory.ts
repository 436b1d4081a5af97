import { isPeerkeepError } from '../base/errors.ts'
import { type FileLayer, type OpenFile } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import { openHandleCache } from './handle-cache.ts'
import { GATHERED_CHUNK_BYTES, PACK_SIZE_MAX } from './limits.ts'
import { encodeDeletedHeader, encodeHeader, isHeaderOf } from './pack-format.ts'
import { type FullPack, openPackMemory } from './pack-memory.ts'
import type { TableRow } from './pack-table.ts'
import type { BlobRef } from './ref.ts'
import type { VerifiedBlob } from './store.ts'

/**
 * One diskpacked directory: `pack-00000.blobs`, `pack-00001.blobs` … without a gap, each a row of records.
 * Knows files and records, not what is indexed. One writer at a time: the store's.
 */
export interface PackDirectory {
  readonly directory: string
  /** Number of packs; they are numbered from 0. */
  count(): number
  fileOf(pack: number): string
  /** The file's length; undefined when the pack is missing. */
  length(pack: number): Promise<number | undefined>
  /** Reads `size` bytes from `offset`; fewer when the pack is shorter, undefined when it is missing. */
  readonly read: (pack: number, offset: number, size: number) => Promise<Uint8Array | undefined>
  /** Runs `use` with the open file of a pack, undefined when it is missing. */
  withFile<Result>(
    pack: number,
    use: (file: OpenFile | undefined) => Promise<Result>,
  ): Promise<Result>
  /** A file of its own for a long read, which the caller closes; undefined when the pack is missing. */
  openForReading(pack: number): Promise<OpenFile | undefined>
  /**
   * Appends records and syncs them. Resolves with where each payload lies; rejects when any byte may not be
   * durable: then the active pack is cut back to where it was, and given up for a new one.
   */
  append(blobs: readonly VerifiedBlob[]): Promise<Appended>
  /**
   * Overwrites headers with Perkeep's deleted mark, and syncs. A mark that stands already is written again: when
   * its sync failed, only memory has it. A pack that is gone is passed over, and so is a place where anything else
   * stands: whoever is wrong about it must not destroy it.
   */
  markDeleted(records: readonly DeadRecord[]): Promise<void>
  /** Cuts a pack to `length` bytes and syncs it. */
  cut(pack: number, length: number): Promise<void>
  /**
   * Cuts what could not be cut when it was asked for, or when a write had failed. Until then whole records may lie
   * there that nobody was promised, or that were removed: rejects while it cannot be done.
   */
  finishCuts(): Promise<void>
  /** The pack that became full since the last call, with its records, where all were appended since the opening. */
  takeFull(): FullPack | undefined
  /** The next record goes into a new pack. */
  roll(): void
  /** Makes the names of the packs survive a power cut. */
  syncNames(): Promise<void>
  close(): Promise<void>
}

interface Appended {
  readonly pack: number
  /** Where each payload begins, in the order of the blobs. */
  readonly offsets: readonly number[]
  /** Length of the pack behind the last record. */
  readonly end: number
}

interface DeadRecord {
  readonly ref: BlobRef
  readonly size: number
  readonly pack: number
  readonly offset: number
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
// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export async function openPackDirectory(
  options: {
    readonly files: FileLayer
    readonly directory: string
    readonly log: Log
    readonly packSizeMax?: number | undefined
  },
  countMin: number,
): Promise<PackDirectory> {
  const { files, directory, log, packSizeMax = PACK_SIZE_MAX } = options
  await files.makeDirectory(directory)
  const last = (await listPacks(files, directory)).at(-1)
  let count = Math.max(countMin, last === undefined ? 0 : last + 1)
  const handles = openHandleCache(pack => files.open(fileOf(pack), 'update'))
  /** The pack that is appended to, and its length; undefined until the first append. */
  let active: { pack: number; length: number } | undefined
  let mustRoll = false
  const memory = openPackMemory()
  /** Packs that are to be cut to this length and may not be yet. */
  const uncut = new Map<number, number>()

  function fileOf(pack: number): string {
    return `${directory}/${packFileName(pack)}`
  }

  async function lengthOf(pack: number): Promise<number | undefined> {
    return handles.use(pack, async file => file?.size())
  }

  async function makePack(): Promise<{ pack: number; length: number }> {
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
    return { pack, length: 0 }
  }

  async function activePack(): Promise<{ pack: number; length: number }> {
    if (!active && !mustRoll && count > 0) {
      const length = await lengthOf(count - 1)
      if (length !== undefined) active = { pack: count - 1, length }
    }
    if (!active || mustRoll || active.length > packSizeMax) {
      active = await makePack()
      mustRoll = false
    }
    return active
  }

  async function append(blobs: readonly VerifiedBlob[]): Promise<Appended> {
    const { pack, length } = await activePack()
    const chunks: Uint8Array[] = []
    const offsets: number[] = []
    const records: TableRow[] = []
    let end = length
    for (const { ref, bytes } of blobs) {
      const header = encodeHeader(ref, bytes.length)
      records.push({ ref, offset: end, size: bytes.length })
      chunks.push(header, bytes)
      offsets.push(end + header.length)
      end += header.length + bytes.length
    }
    try {
      await handles.use(pack, async file => {
        if (!file) throw new Error(`${fileOf(pack)} vanished`)
        await file.write(gatherSmall(chunks), length)
        await file.sync()
      })
    } catch (error) {
      await giveUp(pack, length)
      throw error
    }
    active = { pack, length: end }
    memory.note(pack, records, end)
    return { pack, offsets, end }
  }

  /** After a failed write or sync nobody knows what the disk has: the pack ends where it was durable. */
  async function giveUp(pack: number, length: number): Promise<void> {
    active = undefined
    mustRoll = true
    log.warn('a pack could not be written; a new one is begun', { pack: fileOf(pack) })
    try {
      await cut(pack, length)
      // Nothing in it can be in doubt: else each write on a full disk would leave one more empty pack.
      if (length === 0) mustRoll = false
    } catch (error) {
      if (!isPeerkeepError(error)) throw error
    }
  }

  async function finishCuts(): Promise<void> {
    for (const [pack, length] of uncut) await cut(pack, length)
  }

  async function cut(pack: number, length: number): Promise<void> {
    uncut.set(pack, length)
    await handles.use(pack, async file => {
      await file?.truncate(length)
      await file?.sync()
    })
    uncut.delete(pack)
    if (active?.pack === pack) active = { pack, length }
  }

  return {
    directory,
    count: () => count,
    fileOf,
    length: lengthOf,
    openForReading: pack => files.open(fileOf(pack), 'read'),
    withFile: (pack, use) => handles.use(pack, use),
    async read(pack, offset, size) {
      return handles.use(pack, async file => {
        if (!file) return undefined
        const bytes = Buffer.allocUnsafe(size)
        const read = await file.read(bytes, offset)
        return bytes.subarray(0, read)
      })
    },
    append,
    async markDeleted(records) {
      const packs = Map.groupBy(records, record => record.pack)
      for (const [pack, dead] of packs) {
        await handles.use(pack, async file => {
          if (!file) return
          for (const { ref, size, offset } of dead) {
            const mark = encodeDeletedHeader(ref, size)
            const position = offset - mark.length
            const present = Buffer.alloc(mark.length)
            await file.read(present, position)
            if (isHeaderOf({ ref, size }, present)) await file.write([mark], position)
          }
          await file.sync()
        })
      }
    },
    cut,
    finishCuts,
    takeFull: () => memory.takeFull(),
    roll() {
      mustRoll = true
    },
    syncNames: () => files.syncDirectory(directory),
    close: () => handles.close(),
  }
}

/** Small neighbours as one: to hand a chunk to the system costs more than to copy some kilobytes. */
function gatherSmall(chunks: readonly Uint8Array[]): Uint8Array[] {
  const gathered: Uint8Array[] = []
  let small: Uint8Array[] = []
  const flush = (): void => {
    if (small.length > 0) gathered.push(Buffer.concat(small))
    small = []
  }
  for (const chunk of chunks) {
    if (chunk.length <= GATHERED_CHUNK_BYTES) small.push(chunk)
    else {
      flush()
      gathered.push(chunk)
    }
  }
  flush()
  return gathered
}
