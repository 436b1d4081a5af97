import { PeerkeepError } from '../base/errors.ts'
import { type BlobRef, matchesRef } from './ref.ts'
import type {
  BlobStore,
  Classify,
  LogEntry,
  LogPosition,
  SchemaLog,
  SizedRef,
  StretchSource,
} from './store.ts'

interface Kept {
  readonly bytes: Uint8Array
  /** Its place in the log of schema blobs; undefined for data. */
  readonly sequence: number | undefined
}

/** A store that lasts as long as the process: for tests, and for what is only passing through. */
export function openMemoryStore({
  classify,
}: {
  classify: Classify
}): BlobStore & SchemaLog & StretchSource {
  const blobs = new Map<BlobRef, Kept>()
  // In the order taken; a removed blob's place stays empty, so that positions keep their meaning.
  const log: (BlobRef | undefined)[] = []
  let isClosed = false

  function checkOpen(): void {
    if (isClosed) {
      throw new PeerkeepError('CLOSED', 'The store in memory was used after it was closed.')
    }
  }

  function read(ref: BlobRef): Uint8Array | undefined {
    const kept = blobs.get(ref)
    if (kept === undefined || matchesRef(ref, kept.bytes)) return kept?.bytes
    drop(ref)
    throw changed(ref)
  }

  function drop(ref: BlobRef): void {
    const sequence = blobs.get(ref)?.sequence
    if (sequence !== undefined) log[sequence] = undefined
    blobs.delete(ref)
  }

  const contents: Contents = { blobs, log, checkOpen }

  async function close(): Promise<void> {
    isClosed = true
  }

  return {
    async fetch(ref) {
      checkOpen()
      return read(ref)
    },
    async fetchUnverified(ref, begin, size) {
      checkOpen()
      return blobs.get(ref)?.bytes.subarray(begin, begin + size)
    },
    async stat(refs) {
      checkOpen()
      return refs.map(ref => blobs.get(ref)?.bytes.length)
    },
    enumerate: after => enumerateBlobs(contents, after),
    async add({ ref, bytes }) {
      checkOpen()
      if (blobs.has(ref)) return false
      const isMeta = classify(bytes) === 'meta'
      blobs.set(ref, {
        bytes: Uint8Array.from(bytes),
        sequence: isMeta ? log.push(ref) - 1 : undefined,
      })
      return true
    },
    async remove(refs) {
      checkOpen()
      for (const ref of refs) drop(ref)
    },
    readLog: after => readBlobLog(contents, after),
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Contents {
  readonly blobs: ReadonlyMap<BlobRef, Kept>
  readonly log: readonly (BlobRef | undefined)[]
  readonly checkOpen: () => void
}

async function* enumerateBlobs(
  { blobs, checkOpen }: Contents,
  after?: BlobRef,
): AsyncIterable<SizedRef> {
  checkOpen()
  const refs = [...blobs.keys()].filter(ref => after === undefined || ref > after)
  for (const ref of refs.sort()) {
    checkOpen()
    const kept = blobs.get(ref)
    if (kept !== undefined) yield { ref, size: kept.bytes.length }
  }
}

async function* readBlobLog(
  { blobs, log, checkOpen }: Contents,
  after?: LogPosition,
): AsyncIterable<LogEntry> {
  checkOpen()
  for (let sequence = firstBehind(after, log.length); sequence < log.length; sequence++) {
    checkOpen()
    const ref = log[sequence]
    const bytes = ref === undefined ? undefined : blobs.get(ref)?.bytes
    if (ref === undefined || bytes === undefined || !matchesRef(ref, bytes)) continue
    yield { ref, bytes, position: String(sequence) as LogPosition }
  }
}

function changed(ref: BlobRef): PeerkeepError {
  const message = `The bytes of ${ref} were changed in memory. It can be received again.`
  return new PeerkeepError('BLOB_DAMAGED', message, { details: { ref } })
}

function firstBehind(after: LogPosition | undefined, length: number): number {
  const sequence = after !== undefined && /^\d{1,15}$/.test(after) ? Number(after) : -1
  return sequence < length ? sequence + 1 : 0
}
