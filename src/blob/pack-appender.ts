import { isPeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { GATHERED_CHUNK_BYTES, PACK_SIZE_MAX } from './limits.ts'
import type { GrowingPackFiles } from './pack-files.ts'
import { encodeHeader } from './pack-format.ts'
import { type FullPack, openPackMemory } from './pack-memory.ts'
import type { TableRow } from './pack-table.ts'
import type { VerifiedBlob } from './store.ts'

/** The end of a directory's packs, where records are added. One writer at a time: the store's. */
export interface PackAppender {
  /**
   * Appends records and syncs them. Resolves with where each payload lies; rejects when any byte may not be
   * durable: then the active pack is cut back to where it was, and given up for a new one.
   */
  append(blobs: readonly VerifiedBlob[]): Promise<Appended>
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
}

interface Appended {
  readonly pack: number
  /** Where each payload begins, in the order of the blobs. */
  readonly offsets: readonly number[]
  /** Length of the pack behind the last record. */
  readonly end: number
}

interface ActivePack {
  readonly pack: number
  readonly length: number
}

export function openPackAppender(
  packs: GrowingPackFiles,
  {
    log,
    packSizeMax = PACK_SIZE_MAX,
  }: { readonly log: Log; readonly packSizeMax?: number | undefined },
): PackAppender {
  /** Undefined until the first append, and after a failed one. */
  let active: ActivePack | undefined
  let mustRoll = false
  const memory = openPackMemory()
  /** Packs that are to be cut to this length and may not be yet. */
  const uncut = new Map<number, number>()

  async function activePack(): Promise<ActivePack> {
    const last = packs.count() - 1
    if (!active && !mustRoll && last >= 0) {
      const length = await packs.length(last)
      if (length !== undefined) active = { pack: last, length }
    }
    if (!active || mustRoll || active.length > packSizeMax) {
      active = { pack: await packs.makePack(), length: 0 }
      mustRoll = false
    }
    return active
  }

  async function append(blobs: readonly VerifiedBlob[]): Promise<Appended> {
    const { pack, length } = await activePack()
    const { chunks, records, offsets, end } = layOut(blobs, length)
    try {
      await writeAt(packs, { pack, length }, chunks)
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
    log.warn('a pack could not be written; a new one is begun', { pack: packs.fileOf(pack) })
    try {
      await cut(pack, length)
      // Nothing in it can be in doubt: else each write on a full disk would leave one more empty pack.
      if (length === 0) mustRoll = false
    } catch (error) {
      if (!isPeerkeepError(error)) throw error
    }
  }

  async function cut(pack: number, length: number): Promise<void> {
    uncut.set(pack, length)
    await packs.withFile(pack, async file => {
      await file?.truncate(length)
      await file?.sync()
    })
    uncut.delete(pack)
    if (active?.pack === pack) active = { pack, length }
  }

  return {
    append,
    cut,
    async finishCuts() {
      for (const [pack, length] of uncut) await cut(pack, length)
    },
    takeFull: () => memory.takeFull(),
    roll() {
      mustRoll = true
    },
  }
}

async function writeAt(
  packs: GrowingPackFiles,
  { pack, length }: ActivePack,
  chunks: readonly Uint8Array[],
): Promise<void> {
  await packs.withFile(pack, async file => {
    if (!file) throw new Error(`${packs.fileOf(pack)} vanished`)
    await file.write(gatherSmall(chunks), length)
    await file.sync()
  })
}

interface Layout extends Omit<Appended, 'pack'> {
  readonly chunks: readonly Uint8Array[]
  readonly records: readonly TableRow[]
}

/** The records of `blobs`, one behind the other from `begin`. */
function layOut(blobs: readonly VerifiedBlob[], begin: number): Layout {
  const chunks: Uint8Array[] = []
  const records: TableRow[] = []
  const offsets: number[] = []
  let end = begin
  for (const { ref, bytes } of blobs) {
    const header = encodeHeader(ref, bytes.length)
    records.push({ ref, offset: end, size: bytes.length })
    chunks.push(header, bytes)
    offsets.push(end + header.length)
    end += header.length + bytes.length
  }
  return { chunks, records, offsets, end }
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
