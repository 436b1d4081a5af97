import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Exchange } from './exchange.ts'
import { INCOMING_BYTES_MAX, PULL_BATCH_REFS } from './limits.ts'
import type { SetName } from './messages.ts'
import type { ReplicaSource } from './source.ts'

export interface PullResult {
  readonly blobs: number
  readonly bytes: number
  /** Claims and schema that may not be stored: then the two are not equal. */
  readonly refused: number
}

/**
 * Brings everything here that the other side has and this side wants: claims and keys first, since they
 * say who may say what; then schema; then the data that schema needs. Memory is flat: both sets are read as sorted
 * streams, and what is missing is fetched a batch at a time. Repeating it is harmless, and how it is resumed.
 */
export async function pullFrom(
  exchange: Exchange,
  source: ReplicaSource,
  onBytes: (bytes: number) => void,
): Promise<PullResult> {
  const tally = { blobs: 0, bytes: 0 }
  const pull: Pull = {
    exchange,
    source,
    count(bytes) {
      tally.blobs += 1
      tally.bytes += bytes
      onBytes(bytes)
    },
  }
  const claims = await pullClaims(pull)
  const schema = await pullSet(pull, 'schema')
  await source.settled()
  await pullWants(pull)
  return { ...tally, refused: claims + schema.refused }
}

interface Pull {
  readonly exchange: Exchange
  readonly source: ReplicaSource
  readonly count: (bytes: number) => void
}

/**
 * A claim can only be taken after what certifies its key, wherever that stands in the order: so until nothing moves.
 * Answers how many were refused in the end.
 */
async function pullClaims(pull: Pull): Promise<number> {
  for (;;) {
    const { taken, refused } = await pullSet(pull, 'claims')
    await pull.source.settled()
    if (taken === 0 || refused === 0) return refused
  }
}

interface Moved {
  taken: number
  refused: number
}

async function pullSet(pull: Pull, set: SetName): Promise<Moved> {
  const moved = { taken: 0, refused: 0 }
  let after: BlobRef | undefined
  for (;;) {
    const { missing, isAll } = await nextMissing(pull, set, after)
    await fetchAll(pull, set, missing, moved)
    if (isAll) return moved
    after = missing.at(-1)
  }
}

/**
 * The next refs behind `after` that the other side has and this side has not: a merge of two sorted streams. The
 * listing is read up to a batch, and taken up again behind it: nothing else may be asked while it runs.
 */
async function nextMissing(
  { exchange, source }: Pull,
  set: SetName,
  after: BlobRef | undefined,
): Promise<{ missing: BlobRef[]; isAll: boolean }> {
  const missing: BlobRef[] = []
  const here = source.enumerate(set, after)[Symbol.asyncIterator]()
  let own = await here.next()
  try {
    for await (const ref of exchange.list(set, after)) {
      while (own.done !== true && own.value.ref < ref) own = await here.next()
      if (own.done !== true && own.value.ref === ref) continue
      missing.push(ref)
      if (missing.length === PULL_BATCH_REFS) return { missing, isAll: false }
    }
  } finally {
    await here.return?.()
  }
  return { missing, isAll: true }
}

// oxlint-disable-next-line max-params -- the batch and what is counted of it
async function fetchAll(
  pull: Pull,
  set: SetName | 'data',
  refs: readonly BlobRef[],
  moved: Moved,
): Promise<void> {
  const storing = new Set<Promise<void>>()
  let waiting = 0
  let failure: Error | undefined
  for await (const { ref, bytes } of pull.exchange.fetch(refs)) {
    if (bytes === undefined || failure !== undefined) continue
    const stored = pull.source
      .take(set, ref, bytes)
      .then(isTaken => {
        if (isTaken) pull.count(bytes.length)
        moved[isTaken ? 'taken' : 'refused'] += 1
      })
      .catch((error: unknown) => void (failure ??= asError(error)))
      .finally(() => {
        waiting -= bytes.length
        storing.delete(stored)
      })
    storing.add(stored)
    // Blobs share syncs when many are stored at a time; how many is bounded so that their bytes are.
    waiting += bytes.length
    while (storing.size >= STORING_MAX || waiting > INCOMING_BYTES_MAX) await Promise.race(storing)
  }
  await Promise.all(storing)
  if (failure !== undefined) throw failure
}

/** Blobs on their way to the disk at a time. */
const STORING_MAX = 256

async function pullWants(pull: Pull): Promise<void> {
  for (;;) {
    const moved = { taken: 0, refused: 0 }
    let batch: BlobRef[] = []
    for await (const ref of pull.source.wants()) {
      batch.push(ref)
      if (batch.length < PULL_BATCH_REFS) continue
      await fetchAll(pull, 'data', batch, moved)
      batch = []
    }
    await fetchAll(pull, 'data', batch, moved)
    await pull.source.settled()
    if (moved.refused > 0) throw new PeerkeepError('BAD_FRAME', 'a wanted blob was refused')
    if (moved.taken === 0) return
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
