import type { LogEntry, LogPosition } from '../blob/store.ts'
import { GROUP_BLOBS_MAX, GROUP_BYTES_MAX } from './limits.ts'
import type { RawBlob } from './read-blob.ts'

/** Neighbours of the log, bounded in number and bytes, and the position behind them. */
export interface Group {
  readonly blobs: readonly RawBlob[]
  readonly position: LogPosition
}

export async function* groupsOf(
  entries: AsyncIterable<LogEntry>,
  blobsMax: number = GROUP_BLOBS_MAX,
): AsyncGenerator<Group> {
  let blobs: RawBlob[] = []
  let bytes = 0
  let position: LogPosition | undefined
  for await (const entry of entries) {
    blobs.push(entry)
    bytes += entry.bytes.length
    position = entry.position
    if (blobs.length < blobsMax && bytes < GROUP_BYTES_MAX) continue
    yield { blobs, position }
    blobs = []
    bytes = 0
  }
  if (position !== undefined && blobs.length > 0) yield { blobs, position }
}
