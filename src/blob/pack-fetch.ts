import { PeerkeepError } from '../base/errors.ts'
import { type BlobRow, findBlob, isSamePlace } from './pack-index.ts'
import type { PackState } from './pack-state.ts'
import { type BlobRef, matchesRef } from './ref.ts'
import type { Room } from './store.ts'

interface Reading {
  readonly state: PackState
  readonly damaged: (ref: BlobRef, row: BlobRow) => Promise<void>
  readonly room: Room | undefined
}

/**
 * Reads a blob and holds it against its ref. What does not match is handed to `damaged` and rejected, unless the
 * blob has moved meanwhile (a compaction): then it is looked up again.
 */
export async function readBlob(
  { state, damaged, room }: Reading,
  ref: BlobRef,
): Promise<Uint8Array | undefined> {
  let row = await findBlob(state.rows, ref)
  while (row) {
    const { side, pack, offset, size } = row
    const ahead = await state.readAhead(side)(pack, offset, size, room?.(size))
    if (ahead?.length === size && matchesRef(ref, ahead)) return ahead
    // What was read ahead may be older than the pack.
    const bytes = await state.directory(side).read(pack, offset, size)
    if (bytes?.length === size && matchesRef(ref, bytes)) return bytes
    const now = await findBlob(state.rows, ref)
    if (isSamePlace(row, now)) {
      await damaged(ref, row)
      throw damageError(state, ref, row, bytes === undefined)
    }
    row = now
  }
  return undefined
}

// oxlint-disable-next-line max-params -- what the message names
function damageError(
  state: PackState,
  ref: BlobRef,
  row: BlobRow,
  isMissing: boolean,
): PeerkeepError {
  const file = state.directory(row.side).fileOf(row.pack)
  const what = isMissing
    ? `its pack ${file} is missing`
    : `its bytes in ${file} are not what they were`
  return new PeerkeepError(
    'BLOB_DAMAGED',
    `the blob ${ref} is damaged: ${what}. 'peerkeep check --read-data' names what else is.`,
    { details: { ref, file, offset: row.offset } },
  )
}
