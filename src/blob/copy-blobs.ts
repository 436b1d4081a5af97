import { openBudget } from '../base/budget.ts'
import { asError, isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import {
  COPY_BLOB_BYTES_MIN,
  COPY_BYTES_MAX,
  COPY_FAILURES_MAX,
  COPY_GROUP_REFS,
} from './limits.ts'
import type { Door } from './receive.ts'
import type { BlobRef } from './ref.ts'
import type { BlobSource, ReadingOrder, SizedRef } from './store.ts'

export interface CopyOptions {
  readonly from: Pick<BlobSource, 'enumerate' | 'fetch'> & Partial<ReadingOrder>
  readonly to: Pick<BlobSource, 'enumerate'> & Door
  /** Blobs on their way at a time. */
  readonly parallel: number
  readonly signal: AbortSignal
  /** Called with what was done so far, after each blob. */
  readonly onProgress?: (counts: CopyCounts) => void
  /** Told of each blob that could not be copied; the others go on. */
  readonly onProblem: (ref: BlobRef, reason: string) => void
  /** Told of blobs before they are stored. */
  readonly onCopying?: (ref: BlobRef) => Promise<void>
}

export interface CopyCounts {
  /** Blobs of the source that have been looked at. */
  readonly seen: number
  readonly copied: number
  readonly copiedBytes: number
  readonly failed: number
}

/**
 * Brings every blob that `to` lacks from `from`. Both are walked in order, side by side, so that nothing but what is on
 * its way is in memory; each blob is hashed where it comes in. Nothing is removed anywhere. What was copied stays when it
 * is broken off, so that the next run goes on from there. Rejects when a side cannot be listed, when the
 * target fails for everything, or with the signal's reason.
 */
export async function copyBlobs(options: CopyOptions): Promise<CopyCounts> {
  const { from, to, parallel, signal, onProgress, onProblem } = options
  const counts = { seen: 0, copied: 0, copiedBytes: 0, failed: 0 }
  const places = openBudget(parallel)
  const bytes = openBudget(COPY_BYTES_MAX)
  const running = new Set<Promise<void>>()
  const broken = new AbortController()
  const stop = AbortSignal.any([signal, broken.signal])
  let failuresInRow = 0

  async function copyOne({ ref, size }: SizedRef): Promise<void> {
    try {
      const content = await from.fetch(ref)
      if (!content) throw new PeerkeepError('BLOB_MISSING', 'it is listed, but not there')
      await options.onCopying?.(ref)
      await to.receive(content, ref)
      counts.copied += 1
      counts.copiedBytes += size
      failuresInRow = 0
    } catch (error) {
      if (stop.aborted) return
      counts.failed += 1
      failuresInRow += 1
      onProblem(ref, asError(error).message)
      if (isOfTarget(error) || failuresInRow >= COPY_FAILURES_MAX) broken.abort(error)
    }
    onProgress?.({ ...counts })
  }

  try {
    for await (const blob of inReadingOrder(
      from,
      lackedBlobs(options, () => (counts.seen += 1)),
    )) {
      const freePlace = await places.take(1, stop)
      const freeBytes = await bytes.take(Math.max(blob.size, COPY_BLOB_BYTES_MIN), stop)
      const copying = copyOne(blob).finally(() => {
        freePlace()
        freeBytes()
        running.delete(copying)
      })
      running.add(copying)
    }
  } finally {
    await Promise.all(running)
  }
  stop.throwIfAborted()
  return counts
}

/** As the source wants to be read, where it says so, a group at a time. */
async function* inReadingOrder(
  from: Partial<ReadingOrder>,
  blobs: AsyncIterable<SizedRef>,
): AsyncGenerator<SizedRef> {
  if (!from.inReadingOrder) {
    yield* blobs
    return
  }
  let group: SizedRef[] = []
  for await (const blob of blobs) {
    group.push(blob)
    if (group.length < COPY_GROUP_REFS) continue
    yield* await from.inReadingOrder(group)
    group = []
  }
  yield* await from.inReadingOrder(group)
}

/** What every other blob would fail with too. */
function isOfTarget(error: unknown): boolean {
  return (
    [
      'DISK_FULL',
      'STORE_REFUSED',
      'STORE_UNREACHABLE',
      'PEER_UNREACHABLE',
      'CLOSED',
      'REFUSED',
    ] as const
  ).some(code => isPeerkeepError(error, code))
}

/** What `from` lists and `to` does not, in order. The same ref with another size is told: one of the two is damaged. */
async function* lackedBlobs(
  { from, to, onProblem, signal }: CopyOptions,
  onSeen: () => void,
): AsyncGenerator<SizedRef> {
  const held = to.enumerate()[Symbol.asyncIterator]()
  try {
    let next = await held.next()
    for await (const blob of from.enumerate()) {
      signal.throwIfAborted()
      onSeen()
      while (next.done !== true && next.value.ref < blob.ref) next = await held.next()
      if (next.done === true || next.value.ref !== blob.ref) yield blob
      else if (next.value.size !== blob.size)
        onProblem(blob.ref, `it has ${blob.size} bytes there and ${next.value.size} here`)
    }
  } finally {
    await held.return?.(undefined)
  }
}
