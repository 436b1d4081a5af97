import type { FileLayer } from '../base/files.ts'
import type { KeyValueOperation } from '../base/key-value.ts'
import { headerLength } from './pack-format.ts'
import { blobKey, type BlobRow, decodeBlobRow, findBlobs, quarantineKey } from './pack-index.ts'
import type { PackState } from './pack-state.ts'
import { packTablePath } from './pack-tables.ts'
import type { BlobRef } from './ref.ts'

/**
 * Removes blobs so that no power cut brings them back: first the tables that name them go, then their rows, then
 * their headers are overwritten, each step synced before the next. Cut in between, a blob is gone from the
 * index and its record is dead space; only a lost index could find it again, and nobody was told that it is gone.
 */
export async function removeBlobs(
  state: PackState,
  files: FileLayer,
  refs: readonly BlobRef[],
): Promise<void> {
  await finishCuts(state)
  const found = await findRecords(state, refs)
  if (found.length === 0) {
    // What a failed write of the index left undone may be on the disk all the same.
    state.requireWritable()
    return
  }
  await removeTables(state, files, found)
  await removeRows(state, found)
  for (const [side, records] of Map.groupBy(found, ({ row }) => row.side)) {
    const dead = records.map(({ ref, row }) => ({
      ref,
      size: row.size,
      pack: row.pack,
      offset: row.offset,
    }))
    await state.directory(side).markDeleted(dead)
  }
}

async function finishCuts(state: PackState): Promise<void> {
  for (const side of state.sides) await state.directory(side).finishCuts()
}

interface FoundRecord {
  readonly ref: BlobRef
  readonly row: BlobRow
  readonly isQuarantined: boolean
}

async function findRecords(state: PackState, refs: readonly BlobRef[]): Promise<FoundRecord[]> {
  const unique = [...new Set(refs)]
  const live = await findBlobs(state.rows, unique)
  const records: FoundRecord[] = []
  for (const [at, ref] of unique.entries()) {
    const row = live[at]
    if (row) records.push({ ref, row, isQuarantined: false })
    if (!state.isQuarantined(ref)) continue
    const aside = decodeBlobRow((await state.rows.get(quarantineKey(ref))) ?? '')
    if (aside) records.push({ ref, row: aside, isQuarantined: true })
  }
  return records
}

async function removeTables(
  state: PackState,
  files: FileLayer,
  records: readonly FoundRecord[],
): Promise<void> {
  const paths = new Set(
    records.map(({ row }) => packTablePath(state.directory(row.side), row.pack)),
  )
  const directories = new Set(records.map(({ row }) => state.directory(row.side).directory))
  for (const path of paths) await files.remove(path)
  for (const directory of directories) await files.syncDirectory(directory)
}

async function removeRows(state: PackState, records: readonly FoundRecord[]): Promise<void> {
  const operations: KeyValueOperation[] = []
  for (const { ref, row, isQuarantined } of records) {
    if (isQuarantined) {
      // Its bytes count as dead since it was set aside.
      operations.push(state.release(ref))
      continue
    }
    const packRow = state.packRow(row.side, row.pack) ?? { synced: 0, dead: 0 }
    const dead = packRow.dead + headerLength(ref, row.size) + row.size
    operations.push({ type: 'delete', key: blobKey(ref) })
    operations.push(state.setPackRow(row, { ...packRow, dead }))
  }
  await state.write(operations, 0, true)
}
