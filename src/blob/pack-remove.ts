import type { FileLayer } from '../base/files.ts'
import type { KeyValueOperation } from '../base/key-value.ts'
import { headerLength } from './pack-format.ts'
import {
  blobKey,
  type BlobRow,
  decodeBlobRow,
  deleteRemoved,
  findBlobs,
  findRemoved,
  putRemoved,
  quarantineKey,
  type RemovedRecord,
} from './pack-index.ts'
import { REMOVALS_PER_BATCH } from './limits.ts'
import type { PackState } from './pack-state.ts'
import { packTablePath } from './pack-tables.ts'
import type { BlobRef } from './ref.ts'

/**
 * Removes blobs so that no power cut brings them back. In one synced write their rows go, and rows take their place
 * that say which headers are to be overwritten; then the tables that name them go, then the headers, each step
 * synced. Cut in between, the next start finishes it: a removal that was begun is never half true, and the one who
 * asks for it again is not told that it is done while a lost index could still find the record.
 */
export async function removeBlobs(
  state: PackState,
  files: FileLayer,
  refs: readonly BlobRef[],
): Promise<void> {
  await finishCuts(state)
  // What a failed write of the index left undone may be on the disk all the same.
  state.requireWritable()
  const found = await findRecords(state, refs)
  if (found.length > 0) await removeRows(state, found)
  await finishRemovals(state, files)
}

/** Overwrites the headers of all records that were removed and still have theirs. */
export async function finishRemovals(state: PackState, files: FileLayer): Promise<void> {
  for (;;) {
    const records = await findRemoved(state.rows, REMOVALS_PER_BATCH)
    if (records.length === 0) return
    await removeTables(state, files, records)
    for (const [side, dead] of Map.groupBy(records, record => record.side)) {
      await state.directory(side).markDeleted(dead)
    }
    // Lost in a power cut, they are only done once more.
    await state.write(records.map(deleteRemoved), 0, false)
  }
}

/** Cuts off what failed writes have left behind the ends of packs. */
export async function finishCuts(state: PackState): Promise<void> {
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
  records: readonly RemovedRecord[],
): Promise<void> {
  const paths = new Set(records.map(({ side, pack }) => packTablePath(state.directory(side), pack)))
  const directories = new Set(records.map(({ side }) => state.directory(side).directory))
  for (const path of paths) await files.remove(path)
  for (const directory of directories) await files.syncDirectory(directory)
}

async function removeRows(state: PackState, records: readonly FoundRecord[]): Promise<void> {
  const operations: KeyValueOperation[] = [state.countLoss()]
  for (const { ref, row, isQuarantined } of records) {
    operations.push(putRemoved({ ...row, ref }))
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
