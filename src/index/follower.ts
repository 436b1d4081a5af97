import type { Clock } from '../base/clock.ts'
import { isPeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { LogPosition, SchemaLog } from '../blob/store.ts'
import { FUTURE_LIMIT_MS } from '../schema/hybrid-clock.ts'
import type { Ground } from './evaluate.ts'
import { groupsOf } from './groups.ts'
import { draftOfArrived, draftOfLost } from './missing.ts'
import type { Trust } from './queries.ts'
import { dateText } from './rows.ts'
import { type StepParts, type Steps, openSteps } from './steps.ts'
import { type Writer, openWriter } from './writer.ts'

export interface FollowerParts extends Omit<StepParts, 'newMaker'> {
  /** The store's log of schema blobs and keys. */
  readonly log: SchemaLog
  readonly clock: Clock
  /** Where it is said what went wrong that nobody waits for. */
  readonly messages: Log
  /** Blobs taken in one batch. */
  readonly groupBlobsMax?: number | undefined
}

/** What keeps the rows up with the log. All that writes rows goes through it. */
export interface Follower {
  readonly trust: Trust
  readonly ground: Ground
  /** Takes in all that the log holds, and settles what follows from it. Not twice at once. */
  readonly follow: () => Promise<void>
  readonly arrived: (refs: readonly BlobRef[]) => Promise<void>
  readonly lost: (refs: readonly BlobRef[]) => Promise<void>
  /** Puts few changes into the search tables; false when there are more than a few. */
  readonly writeDocuments: () => Promise<boolean>
  readonly onMembers: Writer['onMembers']
  readonly close: () => Promise<void>
}

/**
 * One pass: what is not due any more, and what has become due; the log, group by group; then what the
 * batches left to be done: claims whose key came, manifests of revocations, what keys signed and touched
 * that are certified or revoked now, permanodes to fold. Each step is a batch that
 * leaves the rest in the rows, so that a pass that ends anywhere is continued by the next. Last, what changed is put
 * into the search tables.
 */
export async function openFollower(parts: FollowerParts): Promise<Follower> {
  const { rows, clock, log, messages, groupBlobsMax } = parts
  const writer = await openWriter(rows)
  const steps = openSteps({ ...parts, newMaker: () => String(clock.now()) }, writer)

  async function follow(): Promise<void> {
    const dueUntil = dateText(BigInt(clock.now() + FUTURE_LIMIT_MS) * 1_000_000n)
    // Before the log is read: nothing dated up to `horizon` may still wait when that moves on.
    while (await steps.retract(dueUntil)) continue
    while (await steps.release(dueUntil)) continue
    await followLog(dueUntil)
    await settle(steps, dueUntil)
    await orWithout(async () => {
      while (await steps.documents.write()) continue
      return true
    })
  }

  /** While one group is written, the signatures of the next are verified. */
  async function followLog(dueUntil: string): Promise<void> {
    const after = (await rows.get('position')) as LogPosition | undefined
    let before: (() => Promise<void>) | undefined
    for await (const { blobs, position } of groupsOf(log.readLog(after), groupBlobsMax)) {
      const reading = steps.read(blobs)
      // It is awaited below; until then a failure of the group before it may come first.
      reading.catch(() => undefined)
      await before?.()
      before = async () => steps.take({ blobs: await reading, dueUntil, position })
    }
    await before?.()
  }

  /** Search goes without its tables where they cannot be written: they are a cache. */
  async function orWithout(write: () => Promise<boolean>): Promise<boolean> {
    try {
      return await write()
    } catch (error) {
      if (isPeerkeepError(error, 'CLOSED')) throw error
      messages.warn('search tables not written', { reason: String(error) })
      return false
    }
  }

  await steps.refreshTrust()
  return {
    trust: steps.trust,
    ground: steps.ground,
    follow,
    arrived: async refs => void (await writer.write(async () => draftOfArrived(rows, refs))),
    lost: async refs => void (await writer.write(async () => draftOfLost(rows, refs))),
    writeDocuments: async () => orWithout(steps.documents.writeFew),
    onMembers: writer.onMembers,
    close: async () => writer.close(),
  }
}

/** Until nothing is left: each step may leave work for the ones before it. */
async function settle(steps: Steps, dueUntil: string): Promise<void> {
  while (
    (await steps.refreshTrust()) ||
    (await steps.takeWaiting(dueUntil)) ||
    (await steps.relist()) ||
    (await steps.list()) ||
    (await steps.move()) ||
    (await steps.markTrusted()) ||
    (await steps.fold())
  )
    continue
}
