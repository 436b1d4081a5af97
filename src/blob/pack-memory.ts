import { REMEMBERED_RECORDS_MAX } from './limits.ts'
import type { TableRow } from './pack-table.ts'

/** A pack that nothing is appended to any more, and all its records. */
export interface FullPack {
  readonly pack: number
  readonly length: number
  readonly records: readonly TableRow[]
}

/** Remembers what is appended to a pack from its beginning on, so that its table needs no walk over it. */
export interface PackMemory {
  /** Records were appended to a pack, which ends at `end` now. */
  note(pack: number, records: readonly TableRow[], end: number): void
  /** The pack that became full since the last call; undefined when there is none, or not all of it is known. */
  takeFull(): FullPack | undefined
}

interface Remembered {
  readonly pack: number
  /** Undefined when some were not seen, or there are too many. */
  records: TableRow[] | undefined
  end: number
}

export function openPackMemory(): PackMemory {
  let current: Remembered | undefined
  let full: FullPack | undefined

  function startPack(pack: number): Remembered {
    if (current?.records)
      full = { pack: current.pack, length: current.end, records: current.records }
    return { pack, records: [], end: 0 }
  }

  return {
    note(pack, records, end) {
      if (current?.pack !== pack) current = startPack(pack)
      const known = current.records
      const isNext = records[0]?.offset === current.end
      const isKept = isNext && (known?.length ?? 0) + records.length <= REMEMBERED_RECORDS_MAX
      if (isKept) known?.push(...records)
      else current.records = undefined
      current.end = end
    },
    takeFull() {
      const taken = full
      full = undefined
      return taken
    },
  }
}
