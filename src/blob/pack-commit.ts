import type { KeyValueOperation } from '../base/key-value.ts'
import type { CommitOutcome } from './commit-queue.ts'
import {
  blobKey,
  type BlobRow,
  decodeBlobRow,
  encodeBlobRow,
  findBlobs,
  type PackSide,
  quarantineKey,
} from './pack-index.ts'
import type { PackState } from './pack-state.ts'
import type { BlobRef } from './ref.ts'
import type { Classify, VerifiedBlob } from './store.ts'

/**
 * Makes a group of blobs durable: the new ones are appended and synced, `meta` and `data` side by side, and only
 * then indexed and acknowledged. What fails on one side does not concern the other.
 */
export async function commitBlobs(
  state: PackState,
  classify: Classify,
  blobs: readonly VerifiedBlob[],
): Promise<readonly CommitOutcome[]> {
  // After a failed write of the index, even a row that is there may be gone at the next start.
  state.requireWritable()
  const known = await findBlobs(
    state.rows,
    blobs.map(blob => blob.ref),
  )
  const fresh = blobs.filter((_, at) => known[at] === undefined)
  const replaced = await recordsSetAside(state, fresh)
  const bySide = Map.groupBy(fresh, blob => classify(blob.bytes))
  const settled = await Promise.allSettled(
    [...bySide].map(([side, group]) => appendGroup(state, side, group)),
  )
  const operations: KeyValueOperation[] = []
  const failures = new Map<BlobRef, unknown>()
  let bytes = 0
  for (const [at, group] of [...bySide.values()].entries()) {
    const outcome = settled[at]
    if (outcome?.status === 'fulfilled') {
      operations.push(...outcome.value)
      bytes += group.reduce((sum, blob) => sum + blob.bytes.length, 0)
    } else {
      for (const { ref } of group) failures.set(ref, outcome?.reason)
    }
  }
  if (operations.length > 0) await state.write([...operations, state.numberRow()], bytes, false)
  for (const record of replaced) {
    if (!failures.has(record.ref)) await state.directory(record.side).markDeleted([record])
  }
  return blobs.map(({ ref }, at) => {
    if (failures.has(ref)) return { status: 'rejected', reason: failures.get(ref) }
    return { status: 'fulfilled', value: known[at] === undefined }
  })
}

/**
 * The damaged records of blobs that now come again. Left as they are, they would be found once more when the index
 * is lost after the blob was removed.
 */
async function recordsSetAside(
  state: PackState,
  blobs: readonly VerifiedBlob[],
): Promise<(BlobRow & { readonly ref: BlobRef })[]> {
  const records: (BlobRow & { readonly ref: BlobRef })[] = []
  for (const { ref } of blobs) {
    if (!state.isQuarantined(ref)) continue
    const row = decodeBlobRow((await state.rows.get(quarantineKey(ref))) ?? '')
    if (row) records.push({ ...row, ref })
  }
  return records
}

/** Appends to one side, and answers the rows that make it findable. */
async function appendGroup(
  state: PackState,
  side: PackSide,
  blobs: readonly VerifiedBlob[],
): Promise<KeyValueOperation[]> {
  const { pack, offsets, end } = await state.directory(side).append(blobs)
  const rows = blobs.flatMap(({ ref, bytes }, at): KeyValueOperation[] => {
    const row = {
      side,
      pack,
      offset: offsets[at] ?? 0,
      size: bytes.length,
      number: state.takeNumber(),
    }
    const put = { type: 'put', key: blobKey(ref), value: encodeBlobRow(row) } as const
    return state.isQuarantined(ref) ? [put, state.release(ref)] : [put]
  })
  const dead = state.packRow(side, pack)?.dead ?? 0
  return [...rows, state.setPackRow({ side, pack }, { synced: end, dead })]
}
