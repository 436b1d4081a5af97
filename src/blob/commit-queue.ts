import { openBudget } from '../base/budget.ts'
import { PeerkeepError } from '../base/errors.ts'
import { GROUP_BLOBS_MAX, GROUP_BYTES_MAX, PENDING_BYTES_MAX } from './limits.ts'
import type { VerifiedBlob } from './store.ts'

/**
 * One writer for a whole store, so that nothing has to be said about two at a time. While one group of blobs is
 * written and synced, the next one gathers: many callers share a sync (group commit). Other changes (removals,
 * compactions) wait their turn in the same line.
 */
export interface CommitQueue {
  /** Resolves when the blob's group is durable, with whether the blob is new. */
  add(blob: VerifiedBlob): Promise<boolean>
  /** Runs `work` when everything asked for before it is done, and nothing else at the same time. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result>
  /** Resolves when everything asked for is done; later calls reject with `CLOSED`. */
  close(): Promise<void>
}

interface WaitingAdd {
  readonly blob: VerifiedBlob
  readonly resolve: (isNew: boolean) => void
  readonly reject: (error: unknown) => void
}

type Waiting = WaitingAdd | { readonly work: () => Promise<void> }

/** What became of one blob of a group: whether it is new, or why nothing is promised. */
export type CommitOutcome = PromiseSettledResult<boolean>

/** `commit` makes a group of different blobs durable, and answers what became of each, in their order. */
export function openCommitQueue(
  commit: (blobs: readonly VerifiedBlob[]) => Promise<readonly CommitOutcome[]>,
): CommitQueue {
  const budget = openBudget(PENDING_BYTES_MAX)
  const waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let isClosed = false

  function enqueue(item: Waiting): void {
    waiting.push(item)
    running ??= runAll()
  }

  async function runAll(): Promise<void> {
    // Whoever calls in this same turn of the event loop joins the first group.
    await Promise.resolve()
    for (let next = waiting[0]; next; next = waiting[0]) {
      if ('work' in next) {
        waiting.shift()
        await next.work()
      } else {
        await commitGroup(takeGroup(waiting))
      }
    }
    // At once: whatever comes from now on must start a run of its own.
    running = undefined
  }

  async function commitGroup(group: readonly WaitingAdd[]): Promise<void> {
    const unique = new Map(group.map(({ blob }) => [blob.ref, blob]))
    try {
      const outcomes = await commit([...unique.values()])
      const byRef = new Map([...unique.keys()].map((ref, at) => [ref, outcomes[at]]))
      for (const { blob, resolve, reject } of group) {
        const outcome = byRef.get(blob.ref)
        if (outcome?.status !== 'fulfilled') {
          reject(outcome?.reason)
          continue
        }
        resolve(outcome.value)
        // Of several callers with one blob, the first has brought it.
        byRef.set(blob.ref, { status: 'fulfilled', value: false })
      }
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  function requireOpen(): void {
    if (isClosed) throw new PeerkeepError('CLOSED', 'the store is closed')
  }

  return {
    async add(blob) {
      requireOpen()
      const giveBack = await budget.take(blob.bytes.length)
      try {
        requireOpen()
        return await new Promise<boolean>((resolve, reject) => enqueue({ blob, resolve, reject }))
      } finally {
        giveBack()
      }
    },
    async exclusive<Result>(work: () => Promise<Result>) {
      requireOpen()
      return new Promise<Result>((resolve, reject) => {
        enqueue({ work: () => work().then(resolve, reject) })
      })
    },
    async close() {
      isClosed = true
      await running
    },
  }
}

/** Takes the adds at the front of the line, up to a group's limits; at least one. */
function takeGroup(waiting: Waiting[]): WaitingAdd[] {
  let bytes = 0
  let count = 0
  for (const item of waiting) {
    if ('work' in item || count >= GROUP_BLOBS_MAX) break
    if (count > 0 && bytes + item.blob.bytes.length > GROUP_BYTES_MAX) break
    bytes += item.blob.bytes.length
    count += 1
  }
  return waiting.splice(0, count) as WaitingAdd[]
}
