import type { FileLayer } from '../base/files.ts'
import type { Log } from '../base/log.ts'
import { openPackAppender, type PackAppender } from './pack-appender.ts'
import { openPackFiles, type PackFiles } from './pack-files.ts'
import { encodeDeletedHeader, isHeaderOf } from './pack-format.ts'
import type { BlobRef } from './ref.ts'

/**
 * One diskpacked directory: `pack-00000.blobs`, `pack-00001.blobs` … without a gap, each a row of records.
 * Knows files and records, not what is indexed. One writer at a time: the store's.
 */
export interface PackDirectory extends PackFiles, PackAppender {
  /**
   * Overwrites headers with Perkeep's deleted mark, and syncs. A mark that stands already is written again: when
   * its sync failed, only memory has it. A pack that is gone is passed over, and so is a place where anything else
   * stands: whoever is wrong about it must not destroy it.
   */
  markDeleted(records: readonly DeadRecord[]): Promise<void>
}

interface DeadRecord {
  readonly ref: BlobRef
  readonly size: number
  readonly pack: number
  /** Where the payload begins. */
  readonly offset: number
}

/** `countMin` is how many packs the index knows. */
export async function openPackDirectory(
  options: {
    readonly files: FileLayer
    readonly directory: string
    readonly log: Log
    readonly packSizeMax?: number | undefined
  },
  countMin: number,
): Promise<PackDirectory> {
  const packs = await openPackFiles(options.files, options.directory, countMin)
  const appender = openPackAppender(packs, options)
  return { ...packs, ...appender, markDeleted: records => markDeleted(packs, records) }
}

async function markDeleted(packs: PackFiles, records: readonly DeadRecord[]): Promise<void> {
  for (const [pack, dead] of Map.groupBy(records, record => record.pack)) {
    await packs.withFile(pack, async file => {
      if (!file) return
      for (const { ref, size, offset } of dead) {
        const mark = encodeDeletedHeader(ref, size)
        const position = offset - mark.length
        const present = Buffer.alloc(mark.length)
        await file.read(present, position)
        if (isHeaderOf({ ref, size }, present)) await file.write([mark], position)
      }
      await file.sync()
    })
  }
}
