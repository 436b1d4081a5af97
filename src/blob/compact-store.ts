import type { FileLayer } from '../base/files.ts'
import type { KeyValueOperation } from '../base/key-value.ts'
import { type CompactedPack, type MovedRecord, compactPack, isWorthCompacting } from './compact.ts'
import { COMPACT_BATCH_RECORDS } from './limits.ts'
import { headerLength } from './pack-format.ts'
import {
  blobKey,
  type BlobRow,
  decodeBlobRow,
  deleteRemoved,
  encodeBlobRow,
  findBlobs,
  findRemoved,
  type PackPlace,
  putRemoved,
  quarantineKey,
} from './pack-index.ts'
import { packTablePath } from './pack-tables.ts'
import type { PackStore } from './pack-store.ts'
import type { BlobRef } from './ref.ts'
import type { VerifiedBlob } from './store.ts'

/**
 * Compacts the packs of a store that are worth it; answers how many were emptied. The store may be
 * in use: each step runs while nothing else writes. The last pack of a directory, which is appended
 * to, is left alone, and so is a directory that Perkeep made. One at a time.
 */
export async function compactPacks(
  store: PackStore,
  files: FileLayer,
  isWorth: typeof isWorthCompacting = isWorthCompacting,
): Promise<number> {
  let emptied = 0
  for (const { side, packs } of store.directories) {
    if (side === 'legacy') continue
    for (let pack = 0; pack < packs.count() - 1; pack++) {
      const length = (await packs.length(pack)) ?? 0
      const dead = store.state.packRow(side, pack)?.dead ?? 0
      if (!isWorth({ length, dead })) continue
      const outcome = await compactPack(packOf(store, files, { side, pack }))
      if (outcome === 'emptied') emptied++
    }
  }
  return emptied
}

function packOf(store: PackStore, files: FileLayer, place: PackPlace): CompactedPack {
  const packs = store.state.directory(place.side)
  return {
    open: () => packs.openForReading(place.pack),
    async offsets(refs) {
      const rows = await rowsIn(store, place, refs)
      return rows.map(row => row?.offset)
    },
    move: records => store.exclusive(() => moveRecords(store, place, records)),
    empty: () => store.exclusive(() => emptyPack(store, files, place)),
  }
}

/**
 * First the row says that everything in the pack is dead, so that an empty file is no damage to whoever meets it,
 * be it the next start after a power cut.
 */
async function emptyPack(store: PackStore, files: FileLayer, place: PackPlace): Promise<void> {
  const { state } = store
  const packs = state.directory(place.side)
  const synced = state.packRow(place.side, place.pack)?.synced ?? 0
  await state.write([state.setPackRow(place, { synced, dead: synced })], 0, true)
  await files.remove(packTablePath(packs, place.pack))
  await packs.cut(place.pack, 0)
  for (;;) {
    const gone = await findRemoved(state.rows, COMPACT_BATCH_RECORDS, place)
    if (gone.length === 0) break
    await state.write(gone.map(deleteRemoved), 0, false)
  }
  await state.write([state.setPackRow(place, { synced: 0, dead: 0 })], 0, true)
}

/**
 * The rows that point into a pack. One that was set aside counts: its record was just verified, so
 * what made its read fail has passed.
 */
async function rowsIn(
  { state }: PackStore,
  { side, pack }: PackPlace,
  refs: readonly BlobRef[],
): Promise<(BlobRow | undefined)[]> {
  const rows = await findBlobs(state.rows, refs)
  const aside = await state.rows.getMany(refs.map(quarantineKey))
  return rows.map((found, i) => {
    const row = found ?? decodeBlobRow(aside[i] ?? '')
    return row?.side === side && row.pack === pack ? row : undefined
  })
}

/**
 * Copies, then switches the rows: synced, so that the old pack may go. Nothing else writes meanwhile. The records
 * left behind count as removed: should the old pack stay after all, none of them brings back a blob that is removed
 * later, from its new place.
 */
async function moveRecords(
  store: PackStore,
  place: PackPlace,
  records: readonly MovedRecord[],
): Promise<void> {
  const { state } = store
  // Copies whose rows cannot be written would only be in the way of the next start.
  state.requireWritable()
  const rows = await rowsIn(
    store,
    place,
    records.map(({ ref }) => ref),
  )
  const live = records.flatMap((record, i) => {
    const row = rows[i]
    return row?.offset === record.payloadOffset ? [{ record, row }] : []
  })
  if (live.length === 0) return
  // The walk has held the bytes against their ref, as the door does.
  const blobs = live.map(({ record }) => record as unknown as VerifiedBlob)
  const { pack, offsets, end } = await state.directory(place.side).append(blobs)
  const dead = state.packRow(place.side, pack)?.dead ?? 0
  const oldPackRow = leftBehind(store, place, live)
  const operations = live.flatMap(({ record: { ref }, row }, i): KeyValueOperation[] => {
    const value = encodeBlobRow({ ...row, pack, offset: offsets[i] ?? 0 })
    const put = { type: 'put', key: blobKey(ref), value } as const
    const puts = [put, putRemoved({ ...row, ref })]
    return state.isQuarantined(ref) ? [...puts, state.release(ref)] : puts
  })
  const packRow = state.setPackRow({ side: place.side, pack }, { synced: end, dead })
  await state.write([...operations, packRow, oldPackRow], 0, true)
}

/** The row of the old pack, with the records that were moved counted as dead. */
function leftBehind(
  { state }: PackStore,
  place: PackPlace,
  moved: readonly { readonly record: MovedRecord; readonly row: BlobRow }[],
): KeyValueOperation {
  const { synced, dead } = state.packRow(place.side, place.pack) ?? { synced: 0, dead: 0 }
  // One that was set aside is counted already.
  const counted = moved.filter(({ record }) => !state.isQuarantined(record.ref))
  const bytes = counted.map(({ record: { ref }, row }) => headerLength(ref, row.size) + row.size)
  return state.setPackRow(place, { synced, dead: bytes.reduce((a, b) => a + b, dead) })
}
