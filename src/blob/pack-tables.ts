import type { FileLayer } from '../base/files.ts'
import type { KeyValue } from '../base/key-value.ts'
import type { PackDirectory } from './pack-directory.ts'
import { packFileName } from './pack-files.ts'
import { headerLength } from './pack-format.ts'
import type { FullPack } from './pack-memory.ts'
import { findBlob, findBlobs, type PackSide } from './pack-index.ts'
import { scanPack } from './pack-scan.ts'
import { type TableRow, readTable, writeTable } from './pack-table.ts'

/** Rows looked up at once: one trip to the index. */
const ROWS_PER_LOOKUP = 2000

/** Where the table of a pack lies: beside it. */
export function packTablePath(packs: PackDirectory, pack: number): string {
  return `${packs.directory}/${packFileName(pack).replace(/\.blobs$/, '.idx')}`
}

interface TabledPacks {
  readonly files: FileLayer
  readonly rows: KeyValue
  readonly side: PackSide
  readonly packs: PackDirectory
}

/**
 * Writes the tables that full packs of a directory lack. Only while nothing else writes: a record that is removed
 * meanwhile would stand in a table that was made before.
 */
export async function writeMissingTables(tabled: TabledPacks): Promise<void> {
  const { files, packs } = tabled
  for (let pack = 0; pack < packs.count() - 1; pack += 1) {
    const length = await packs.length(pack)
    if (length === undefined || length === 0) continue
    const path = packTablePath(packs, pack)
    if ((await files.fileSize(path)) !== undefined) continue
    await writeTable(files, path, length, liveRecords(tabled, pack))
  }
}

/** Writes the table of a pack that has just become full. Only while nothing else writes. */
export async function writeFullTable(tabled: TabledPacks, full: FullPack): Promise<void> {
  const { files, packs } = tabled
  const rows = rememberedRecords(tabled, full)
  await writeTable(files, packTablePath(packs, full.pack), full.length, rows)
}

/** Those of a full pack's records that the index points at. */
async function* rememberedRecords(
  { rows, side }: TabledPacks,
  { pack, records }: FullPack,
): AsyncGenerator<TableRow> {
  for (let at = 0; at < records.length; at += ROWS_PER_LOOKUP) {
    const some = records.slice(at, at + ROWS_PER_LOOKUP)
    const found = await findBlobs(
      rows,
      some.map(({ ref }) => ref),
    )
    for (const [i, record] of some.entries()) {
      const row = found[i]
      const offset = record.offset + headerLength(record.ref, record.size)
      if (row?.side === side && row.pack === pack && row.offset === offset) yield record
    }
  }
}

/** The records of a pack that the index points at, by their headers. */
async function* liveRecords(
  { rows, side, packs }: TabledPacks,
  pack: number,
): AsyncGenerator<TableRow> {
  const file = await packs.openForReading(pack)
  if (!file) return
  try {
    for await (const event of scanPack(file, { payloads: 'skip' })) {
      if (event.kind !== 'blob') continue
      const row = await findBlob(rows, event.ref)
      const isHere = row?.side === side && row.pack === pack && row.offset === event.payloadOffset
      if (isHere) yield { ref: event.ref, offset: event.offset, size: event.size }
    }
  } finally {
    await file.close()
  }
}

export interface TabledRecord {
  readonly ref: TableRow['ref']
  readonly payloadOffset: number
  readonly size: number
}

/** The records that the table of a pack tells of; undefined when there is no table that is right. */
export async function readPackTable(
  files: FileLayer,
  packs: PackDirectory,
  pack: number,
): Promise<TabledRecord[] | undefined> {
  const length = await packs.length(pack)
  const table =
    length === undefined ? undefined : await readTable(files, packTablePath(packs, pack), length)
  if (!table) return undefined
  return [...table].map(({ ref, offset, size }) => {
    return { ref, size, payloadOffset: offset + headerLength(ref, size) }
  })
}
