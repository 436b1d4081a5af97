import type { FileLayer } from '../base/files.ts'
import type { KeyValueOperation } from '../base/key-value.ts'
import { type CompactedPack, type MovedRecord, compactPack, isWorthCompacting } from './compact.ts'
import {
  blobKey,
  type BlobRow,
  decodeBlobRow,
  encodeBlobRow,
  findBlobs,
  type PackPlace,
  quarantineKey,
} from './pack-index.ts'
import { packTablePath } from './pack-tables.ts'
import type { PackStore } from './pack-store.ts'
import type { BlobRef } from './ref.ts'
import type { VerifiedBlob } from './store.ts'

/**
 * Compacts the packs of a store that are worth it; answers how many were emptied. The store may be
 * in use: each step runs while nothing else writes. The last pack of a directory, which is appended
 * to, is left alone, and so is a directory that Perkeep made.
 */
export async function compactPacks(store: PackStore, files: FileLayer): Promise<number> {
  let emptied = 0
  for (const { side, packs } of store.directories) {
    if (side === 'legacy') continue
    for (let pack = 0; pack < packs.count() - 1; pack++) {
      const length = (await packs.length(pack)) ?? 0
      const dead = store.state.packRow(side, pack)?.dead ?? 0
      if (!isWorthCompacting({ length, dead })) continue
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
    empty: () =>
      store.exclusive(async () => {
        const table = packTablePath(packs, place.pack)
        await files.remove(table)
        await packs.cut(place.pack, 0)
        await store.state.write([store.state.setPackRow(place, { synced: 0, dead: 0 })], 0, true)
      }),
  }
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

/** Copies, then switches the rows: synced, so that the old pack may go. Nothing else writes meanwhile. */
async function moveRecords(
  store: PackStore,
  place: PackPlace,
  records: readonly MovedRecord[],
): Promise<void> {
  const { state } = store
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
  const operations = live.flatMap(({ record: { ref }, row }, i): KeyValueOperation[] => {
    const value = encodeBlobRow({ ...row, pack, offset: offsets[i] ?? 0 })
    const put = { type: 'put', key: blobKey(ref), value } as const
    return state.isQuarantined(ref) ? [put, state.release(ref)] : [put]
  })
  const packRow = state.setPackRow({ side: place.side, pack }, { synced: end, dead })
  await state.write([...operations, packRow], 0, true)
}
