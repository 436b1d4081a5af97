import { PeerkeepError } from '../base/errors.ts'
import type { FileLayer } from '../base/files.ts'
import type { KeyValue } from '../base/key-value.ts'
import { SOURCE_ROWS_TOGETHER } from './limits.ts'
import { scanPack } from './pack-scan.ts'
import { type BlobRef, matchesRef } from './ref.ts'
import { openSourceRows, type PlacedBlob, type PlacedRef, type SourceRows } from './source-rows.ts'
import type { BlobSource } from './store.ts'

interface DiskpackedOptions {
  /** Absolute path of the directory with the packs. */
  readonly directory: string
  readonly files: FileLayer
  readonly rows: KeyValue
  /** Told of what is damaged in a pack. */
  readonly onProblem: (pack: string, reason: string) => void
  readonly signal: AbortSignal
}

/** The blobs of a Perkeep `diskpacked` directory, read only: nothing in it is written or cut. */
export async function openDiskpackedSource(options: DiskpackedOptions): Promise<BlobSource> {
  const rows = openSourceRows(options.rows)
  await readPacks(options, rows)
  const close = async (): Promise<void> => undefined
  return {
    async fetch(ref) {
      const found = await rows.find(ref)
      return found && fetchRecord(options, ref, found)
    },
    stat: refs => rows.sizes(refs),
    enumerate: after => rows.enumerate(after),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Perkeep's own readers stop at the first number that is missing, too. */
async function readPacks(options: DiskpackedOptions, rows: SourceRows): Promise<void> {
  for (let pack = 0; ; pack += 1) {
    const name = packName(pack)
    const file = await options.files.open(`${options.directory}/${name}`, 'read')
    if (!file) return
    try {
      const from = Number((await rows.known(name)) ?? 0)
      let blobs: PlacedRef[] = []
      let end = from
      for await (const event of scanPack(file, { from, payloads: 'skip' })) {
        options.signal.throwIfAborted()
        if (event.kind === 'damage')
          options.onProblem(
            name,
            `bytes ${event.offset} to ${event.end} are damaged (${event.reason})`,
          )
        if (event.kind === 'blob') {
          blobs.push({ ref: event.ref, size: event.size, place: `${pack} ${event.payloadOffset}` })
          end = event.end
        }
        if (blobs.length < SOURCE_ROWS_TOGETHER) continue
        await rows.keep(name, String(end), blobs)
        blobs = []
      }
      await rows.keep(name, String(end), blobs)
    } finally {
      await file.close()
    }
  }
}

function packName(pack: number): string {
  return `pack-${String(pack).padStart(5, '0')}.blobs`
}

async function fetchRecord(
  { directory, files }: DiskpackedOptions,
  ref: BlobRef,
  { size, place }: PlacedBlob,
): Promise<Uint8Array | undefined> {
  const [pack, offset] = place.split(' ')
  const file = await files.open(`${directory}/${packName(Number(pack))}`, 'read')
  if (!file) return undefined
  try {
    const into = new Uint8Array(size)
    const bytes = into.subarray(0, await file.read(into, Number(offset)))
    if (matchesRef(ref, bytes)) return bytes
  } finally {
    await file.close()
  }
  throw new PeerkeepError(
    'BLOB_DAMAGED',
    `The blob ${ref} is damaged in ${packName(Number(pack))}, or was deleted there meanwhile.`,
    { details: { ref } },
  )
}
