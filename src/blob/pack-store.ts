import { PeerkeepError } from '../base/errors.ts'
import type { FileLayer } from '../base/files.ts'
import type { KeyValue } from '../base/key-value.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { CheckedIndex } from './check-source.ts'
import { openCommitQueue } from './commit-queue.ts'
import { commitBlobs } from './pack-commit.ts'
import { openPackDirectory, type PackDirectory } from './pack-directory.ts'
import { listPacks } from './pack-files.ts'
import {
  type BlobRow,
  countPacks,
  findBlobs,
  type PackSide,
  readIdentity,
  readPackRow,
  scanBlobRows,
  inPackOrder,
  scanBlobSizes,
} from './pack-index.ts'
import { readPackLog } from './pack-log.ts'
import { recoverPacks } from './pack-recovery.ts'
import { finishCuts, finishRemovals, removeBlobs } from './pack-remove.ts'
import { writeFullTable, writeMissingTables } from './pack-tables.ts'
import { openPackState, type PackState } from './pack-state.ts'
import { readBlob } from './pack-fetch.ts'
import type { BlobRef } from './ref.ts'
import type { BlobStore, Classify, SchemaLog, ReadingOrder, SizedRef } from './store.ts'

/**
 * Blobs in packs on the disk: schema and keys in `meta/`, the rest in `data/`, and, where the store's
 * directory is itself a diskpacked directory of Perkeep's, what lies in that.
 */
export interface PackStore extends BlobStore, SchemaLog, ReadingOrder {
  /** Blobs that were found damaged and set aside, in order. They count as absent. */
  quarantined(): AsyncIterable<SizedRef>
  /** Opaque text: while it is the same, every blob that was here is here. Another one says nothing. */
  lossMark(): string
  /** For `checkStore` and `compactPacks`. */
  readonly directories: readonly PackSideDirectory[]
  readonly index: CheckedIndex
  /** Everything that changes packs or rows, one at a time. */
  readonly state: PackState
  /** Runs `work` while nothing else writes. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result>
  /** Bytes of all packs, and how many there are. */
  usage(): Promise<PackUsage>
}

interface PackSideDirectory {
  readonly side: PackSide
  readonly packs: PackDirectory
}

interface PackUsage {
  readonly packs: number
  readonly bytes: number
  readonly deadBytes: number
}

export interface PackStoreOptions {
  /** Absolute; made when it is missing. */
  readonly directory: string
  readonly files: FileLayer
  /** The blob index; the store's alone, and closed by whoever opened it, after the store. */
  readonly rows: KeyValue
  readonly classify: Classify
  readonly random: Random
  readonly log: Log
  /** Length after which a pack ends; Perkeep's unless given. */
  readonly packSizeMax?: number | undefined
  /** Told of each blob that was found damaged and set aside. */
  readonly onDamaged?: (ref: BlobRef) => void
}

/** Opens a store and brings its index up to its packs. Rejects with `STORE_DAMAGED`, `IO`, `DISK_FULL`. */
export async function openPackStore(options: PackStoreOptions): Promise<PackStore> {
  const directories = await openDirectories(options)
  const { rows, log } = options
  for (const { side, packs } of directories) {
    await recoverPacks({ side, packs, files: options.files, rows, log, mayCut: side !== 'legacy' })
  }
  const state = await openPackState(rows, directories)
  await finishRemovals(state, options.files)
  const identity = await readIdentity(rows, options.random)
  const queue = openCommitQueue(async blobs => {
    const outcomes = await commitBlobs(state, options.classify, blobs)
    await writeFullTables(options, directories, state)
    return outcomes
  })
  const damaged = async (ref: BlobRef, row: BlobRow): Promise<void> => {
    await queue.exclusive(() => state.setAside(ref, row))
    options.onDamaged?.(ref)
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= closeAll())
  const closeAll = async (): Promise<void> => {
    await queue.close()
    await state.sync()
    await writeTables(options, directories, state)
    for (const { packs } of directories.toReversed()) await packs.close()
  }
  const requireOpen = (): void => {
    if (closing) throw new PeerkeepError('CLOSED', 'the store is closed')
  }
  const opened = (): KeyValue => {
    requireOpen()
    return rows
  }
  return {
    async fetch(ref, room) {
      requireOpen()
      return readBlob({ state, damaged, room }, ref)
    },
    async stat(refs) {
      return (await findBlobs(opened(), refs)).map(row => row?.size)
    },
    enumerate: after => scanBlobSizes(opened(), after),
    inReadingOrder: async blobs => inPackOrder(opened(), blobs),
    add: blob => queue.add(blob),
    async remove(refs) {
      requireOpen()
      await queue.exclusive(() => removeBlobs(state, options.files, refs))
    },
    async *readLog(after) {
      requireOpen()
      const sides = directories.filter(({ side }) => side !== 'data')
      yield* readPackLog(
        { identity, rows, sides, packRow: state.packRow, classify: options.classify },
        after,
      )
    },
    async *quarantined() {
      requireOpen()
      for await (const { ref, row } of scanBlobRows(rows, 'q')) yield { ref, size: row.size }
    },
    lossMark: () => `${identity} ${state.losses()}`,
    directories,
    index: checkedIndex(rows),
    state,
    exclusive: work => queue.exclusive(work),
    usage: () => usageOf(directories, state),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Writes the tables that full packs lack, those of them that were full when the store was opened included. */
async function writeTables(
  options: PackStoreOptions,
  directories: readonly PackSideDirectory[],
  state: PackState,
): Promise<void> {
  await whenSettled(options, state, async () => {
    for (const directory of directories) {
      if (directory.side !== 'legacy') await writeMissingTables({ ...options, ...directory })
    }
  })
}

/** Writes the tables of packs that have just become full, from what is remembered of them. */
async function writeFullTables(
  options: PackStoreOptions,
  directories: readonly PackSideDirectory[],
  state: PackState,
): Promise<void> {
  for (const directory of directories) {
    const full = directory.packs.takeFull()
    if (!full) continue
    await whenSettled(options, state, () => writeFullTable({ ...options, ...directory }, full))
  }
}

/**
 * Tables are a cache: a full disk, say, is no reason for the store to fail. None is written while a header is still
 * to be overwritten, an end to be cut off or rows are in doubt: it would deny a record that a walk of its pack finds.
 */
async function whenSettled(
  { files, log }: PackStoreOptions,
  state: PackState,
  write: () => Promise<void>,
): Promise<void> {
  try {
    state.requireWritable()
    await finishCuts(state)
    await finishRemovals(state, files)
    await write()
  } catch (error) {
    log.warn('a table could not be written', { reason: String(error) })
  }
}

async function openDirectories(options: PackStoreOptions): Promise<PackSideDirectory[]> {
  const { files, directory, rows, log, packSizeMax } = options
  const legacy = await listPacks(files, directory)
  const places: (readonly [PackSide, string])[] = [
    ...(legacy.length > 0 ? ([['legacy', directory]] as const) : []),
    ['meta', `${directory}/meta`],
    ['data', `${directory}/data`],
  ]
  let present = 0
  let known = 0
  for (const [side, path] of places) {
    present += (await listPacks(files, path)).length
    known += await countPacks(rows, side)
  }
  if (known > 0 && present === 0) {
    throw new PeerkeepError(
      'STORE_DAMAGED',
      `none of the ${known} packs that were in ${directory} is there. Is its disk mounted? To begin anew, delete the home's index/blobs.`,
    )
  }
  const directories: PackSideDirectory[] = []
  for (const [side, path] of places) {
    const packs = await openPackDirectory(
      { files, directory: path, log, packSizeMax },
      await countPacks(rows, side),
    )
    directories.push({ side, packs })
  }
  return directories
}

function checkedIndex(rows: KeyValue): CheckedIndex {
  return {
    blobs: refs => findBlobs(rows, refs),
    async *enumerate() {
      for await (const { ref, row } of scanBlobRows(rows, 'b')) yield [ref, row] as const
    },
    async *enumerateQuarantined() {
      for await (const { ref, row } of scanBlobRows(rows, 'q')) yield [ref, row] as const
    },
    async syncedLength(side, pack) {
      const row = await readPackRow(rows, { side: side as PackSide, pack })
      // A pack without anything live may have been emptied, or be about to.
      return row && row.dead >= row.synced ? 0 : row?.synced
    },
  }
}

async function usageOf(
  directories: readonly PackSideDirectory[],
  state: PackState,
): Promise<PackUsage> {
  const usage = { packs: 0, bytes: 0, deadBytes: 0 }
  for (const { side, packs } of directories) {
    for (let pack = 0; pack < packs.count(); pack += 1) {
      usage.packs += 1
      const length = (await packs.length(pack)) ?? 0
      usage.bytes += length
      // A compaction that was cut may have emptied the file and not come to its row.
      usage.deadBytes += Math.min(length, state.packRow(side, pack)?.dead ?? 0)
    }
  }
  return usage
}
