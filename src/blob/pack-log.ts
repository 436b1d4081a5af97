import { isPeerkeepError } from '../base/errors.ts'
import type { KeyValue } from '../base/key-value.ts'
import type { PackDirectory } from './pack-directory.ts'
import { findBlob, type PackRow, type PackSide } from './pack-index.ts'
import { scanPack } from './pack-scan.ts'
import type { Classify, LogEntry, LogPosition } from './store.ts'

/** What reading the log of a pack store needs of it. */
export interface LogSource {
  /** Changes when the blob index is made anew: positions of before mean nothing then. */
  readonly identity: string
  readonly rows: KeyValue
  /** The directories that hold schema, in the order of the log. */
  readonly sides: readonly { readonly side: PackSide; readonly packs: PackDirectory }[]
  readonly packRow: (side: PackSide, pack: number) => PackRow | undefined
  readonly classify: Classify
}

interface Position {
  /** Index into the sides. */
  readonly at: number
  readonly pack: number
  readonly offset: number
}

/** Reads the log as `SchemaLog` promises, up to what is durable and indexed. */
export async function* readPackLog(
  source: LogSource,
  after: LogPosition | undefined,
): AsyncGenerator<LogEntry> {
  const begin = parsePosition(source, after)
  for (let at = begin.at; at < source.sides.length; at += 1) {
    const count = source.sides[at]?.packs.count() ?? 0
    for (let pack = at === begin.at ? begin.pack : 0; pack < count; pack += 1) {
      const isFirst = at === begin.at && pack === begin.pack
      yield* readPack(source, { at, pack, offset: isFirst ? begin.offset : 0 })
    }
  }
}

async function* readPack(source: LogSource, from: Position): AsyncGenerator<LogEntry> {
  const place = source.sides[from.at]
  const until = place && source.packRow(place.side, from.pack)?.synced
  if (place === undefined || until === undefined || from.offset >= until) return
  const file = await place.packs.openForReading(from.pack)
  if (!file) return
  try {
    for await (const event of scanPack(file, { from: from.offset, until, payloads: 'verify' })) {
      if (event.kind !== 'blob' || event.bytes === undefined) continue
      // In its own directory everything is schema or a key; a Perkeep directory holds data beside it.
      if (place.side === 'legacy' && source.classify(event.bytes) !== 'meta') continue
      const row = await findBlob(source.rows, event.ref)
      const isHere =
        row?.side === place.side && row.pack === from.pack && row.offset === event.payloadOffset
      if (!isHere) continue
      const position = formatPosition(source, { ...from, offset: event.end })
      yield { ref: event.ref, bytes: Buffer.from(event.bytes), position }
    }
  } catch (error) {
    // Emptied by a compaction meanwhile: what was live in it comes again further on.
    const row = source.packRow(place.side, from.pack)
    const isEmptied = row !== undefined && row.dead >= row.synced
    if (!isEmptied || !isPeerkeepError(error, 'STORE_DAMAGED')) throw error
  } finally {
    await file.close()
  }
}

function formatPosition(source: LogSource, { at, pack, offset }: Position): LogPosition {
  return `${source.identity} ${at} ${pack} ${offset}` as LogPosition
}

function parsePosition(source: LogSource, position: LogPosition | undefined): Position {
  const [identity, at, pack, offset] = (position ?? '').split(' ')
  if (identity !== source.identity) return { at: 0, pack: 0, offset: 0 }
  return { at: Number(at), pack: Number(pack), offset: Number(offset) }
}
