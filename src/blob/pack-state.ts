import { type KeyValue, type KeyValueOperation } from '../base/key-value.ts'
import { UNSYNCED_INDEX_BYTES_MAX } from './limits.ts'
import type { PackDirectory } from './pack-directory.ts'
import {
  blobKey,
  type BlobRow,
  encodeBlobRow,
  findBlob,
  isSamePlace,
  type PackRow,
  type PackSide,
  putLosses,
  putNextNumber,
  putPackRow,
  quarantineKey,
  readLosses,
  readNextNumber,
  readPackRow,
  scanBlobRows,
} from './pack-index.ts'
import { headerLength } from './pack-format.ts'
import { openReadAhead, type ReadPack } from './read-ahead.ts'
import type { BlobRef } from './ref.ts'

/**
 * What the one writer of a store knows beside the rows: the pack rows, the next number, the refs set aside. Small:
 * nothing here grows with the number of blobs. Only ever changed inside the commit queue.
 */
export interface PackState {
  readonly rows: KeyValue
  readonly sides: readonly PackSide[]
  directory(side: PackSide): PackDirectory
  /** Reads of its packs; what it answers must be held against a hash, and read again when it is wrong. */
  readAhead(side: PackSide): ReadPack
  packRow(side: PackSide, pack: number): PackRow | undefined
  /** Sets the row of a pack in memory, and answers the operation that keeps it. */
  setPackRow(place: { side: PackSide; pack: number }, row: PackRow): KeyValueOperation
  /** The next dense number; `numberRow` keeps how far they are given out. */
  takeNumber(): number
  numberRow(): KeyValueOperation
  isQuarantined(ref: BlobRef): boolean
  /** Says that a blob set aside is gone for good or back, and answers the operation that keeps it. */
  release(ref: BlobRef): KeyValueOperation
  /** How often blobs were removed or set aside. */
  losses(): number
  /** Counts once more, and answers the operation that keeps it. */
  countLoss(): KeyValueOperation
  /** Moves the row of a damaged blob out of the way, if it still points where the damage was met. */
  setAside(ref: BlobRef, place: BlobRow): Promise<void>
  /** Writes rows that belong together. Synced now and then, or when `mustSync`. */
  write(operations: readonly KeyValueOperation[], bytes: number, mustSync: boolean): Promise<void>
  sync(): Promise<void>
  /** Throws what a write failed with: since then it is unknown which rows are on the disk. */
  requireWritable(): void
}

export async function openPackState(
  rows: KeyValue,
  directories: readonly { readonly side: PackSide; readonly packs: PackDirectory }[],
): Promise<PackState> {
  const packRows = await loadPackRows(rows, directories)
  const quarantined = new Set<BlobRef>()
  for await (const { ref } of scanBlobRows(rows, 'q')) quarantined.add(ref)
  let nextNumber = await readNextNumber(rows)
  let losses = await readLosses(rows)
  let unsyncedBytes = 0
  /** Once rows could not be written, the synced lengths written after them would lie about them. */
  let failure: unknown

  const state: PackState = {
    rows,
    sides: directories.map(({ side }) => side),
    directory(side) {
      const found = directories.find(directory => directory.side === side)
      if (!found) throw new TypeError(`a store without ${side}`)
      return found.packs
    },
    readAhead: readAheads(directories),
    packRow: (side, pack) => packRows.get(`${side}${pack}`),
    setPackRow(place, row) {
      packRows.set(`${place.side}${place.pack}`, row)
      return putPackRow(place, row)
    },
    takeNumber: () => nextNumber++,
    numberRow: () => putNextNumber(nextNumber),
    isQuarantined: ref => quarantined.has(ref),
    release(ref) {
      quarantined.delete(ref)
      return { type: 'delete', key: quarantineKey(ref) }
    },
    losses: () => losses,
    countLoss: () => putLosses((losses += 1)),
    async setAside(ref, place) {
      const row = await findBlob(rows, ref)
      if (!row || !isSamePlace(row, place)) return
      quarantined.add(ref)
      await state.write([...rowsSetAside(state, ref, row), state.countLoss()], 0, true)
    },
    async write(operations, bytes, mustSync) {
      state.requireWritable()
      unsyncedBytes += bytes
      const sync = mustSync || unsyncedBytes > UNSYNCED_INDEX_BYTES_MAX
      try {
        await rows.batch(operations, { sync })
      } catch (error) {
        failure = error
        throw error
      }
      if (sync) unsyncedBytes = 0
    },
    requireWritable() {
      if (failure !== undefined) throw failure as Error
    },
    async sync() {
      if (failure === undefined) await state.write([state.numberRow()], 0, true)
    },
  }
  return state
}

function rowsSetAside(state: PackState, ref: BlobRef, row: BlobRow): KeyValueOperation[] {
  const packRow = state.packRow(row.side, row.pack)
  const dead = (packRow?.dead ?? 0) + headerLength(ref, row.size) + row.size
  return [
    { type: 'delete', key: blobKey(ref) },
    { type: 'put', key: quarantineKey(ref), value: encodeBlobRow(row) },
    state.setPackRow(row, { synced: packRow?.synced ?? 0, dead }),
  ]
}

function readAheads(
  directories: readonly { readonly side: PackSide; readonly packs: PackDirectory }[],
): PackState['readAhead'] {
  const bySide = new Map(directories.map(({ side, packs }) => [side, openReadAhead(packs.read)]))
  return side => {
    const found = bySide.get(side)
    if (!found) throw new TypeError(`a store without ${side}`)
    return found
  }
}

async function loadPackRows(
  rows: KeyValue,
  directories: readonly { readonly side: PackSide; readonly packs: PackDirectory }[],
): Promise<Map<string, PackRow>> {
  const packRows = new Map<string, PackRow>()
  for (const { side, packs } of directories) {
    for (let pack = 0; pack < packs.count(); pack += 1) {
      const row = await readPackRow(rows, { side, pack })
      if (row) packRows.set(`${side}${pack}`, row)
    }
  }
  return packRows
}
