import type { Clock } from '../base/clock.ts'
import { isPeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import type { BlobLines } from './blob-lines.ts'
import type { Flights } from './flights.ts'
import {
  FETCH_REFS_MAX,
  FETCHES_IN_FLIGHT,
  INCOMING_BYTES_MAX,
  LACKED_REFS_MAX,
  NO_ROOM_RETRY_MS,
  ROOM_LOOK_BYTES,
  STORING_MAX,
} from './limits.ts'
import { type SetName, setNames } from './messages.ts'
import type { ReplicaSource } from './source.ts'
import { openWants, type Outcome } from './wants.ts'

/**
 * Gets from one peer what is lacked here: claims before schema before data, several requests ahead of the answers.
 * What is lacked is forgotten with the session, as the next comparison finds it again; what schema wants is read from
 * the index, which keeps it.
 */
export interface Fetcher {
  /** Notes refs of a set that the peer has and this side has not. */
  lack(set: SetName, refs: readonly BlobRef[]): void
  /** Resolves when all that was noted of the set has been stored, and counts, or is not to be had. */
  fetched(set: SetName): Promise<void>
  /** Resolves when few enough refs wait for more to be noted. */
  room(): Promise<void>
  /** Looks for wanted data; `isNews` when the peer may have what it had not. */
  look(isNews: boolean): void
  /** Refs that wait or are on their way, by what they are of. */
  readonly pending: Readonly<Record<SetName | 'data', number>>
  /** Claims so far that may not be stored. */
  readonly refused: number
  /** Why nothing is fetched at the moment. */
  readonly paused: string | undefined
  stop(): void
}

export interface FetcherParts {
  readonly line: BlobLines
  readonly peer: KeyId
  readonly source: ReplicaSource
  readonly flights: Flights
  readonly clock: Clock
  readonly log: Log
  /** Whether a ref is a member of the set here by now. */
  readonly has: (set: SetName, ref: BlobRef) => boolean
  /** Called when data came, and nothing more is on its way. */
  readonly onData: () => void
  /** Called when there is room again after there was none. */
  readonly onRoom: () => void
  readonly onFailure: (error: unknown) => void
}

interface Batch {
  readonly of: SetName | 'data'
  readonly refs: readonly BlobRef[]
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export function openFetcher(parts: FetcherParts): Fetcher {
  const { line, peer, source, flights, clock, log } = parts
  const lacked: Record<SetName, BlobRef[]> = { claims: [], schema: [] }
  const pending = { claims: 0, schema: 0, data: 0 }
  const storing = new Set<Promise<void>>()
  const waiters = new Set<() => void>()
  let refused = 0
  let storingBytes = 0
  let open = 0
  /** With a reason nothing is stored but claims, which are small and say who may say what; when full, nothing. */
  let paused: string | undefined
  let isFull = false
  let isStopped = false
  let stopRetry: (() => void) | undefined
  /** Bytes that may be stored until the free space is looked at again. */
  let allowance = 0
  let looking: Promise<void> | undefined
  const wants = openWants({ source, flights, clock, onReady: () => pump(), onData: parts.onData })

  function wake(): void {
    for (const waiter of waiters) waiter()
  }

  function nextBatch(): Batch | undefined {
    for (const of of setNames) {
      if (of === 'schema' && !mayStore()) return undefined
      while (lacked[of].length > 0) {
        const some = lacked[of].splice(0, FETCH_REFS_MAX)
        const missing = some.filter(ref => !parts.has(of, ref))
        const refs = flights.begin(missing)
        pending[of] -= some.length - refs.length
        if (refs.length > 0) return { of, refs }
      }
    }
    const refs = wants.take(FETCH_REFS_MAX)
    if (refs.length === 0) return undefined
    pending.data += refs.length
    return { of: 'data', refs }
  }

  /** Whether there is room for more than claims. */
  function mayStore(): boolean {
    if (paused === undefined && allowance <= 0) lookForRoom()
    return paused === undefined && allowance > 0
  }

  function pump(): void {
    if (isStopped) return
    while (open < FETCHES_IN_FLIGHT * line.width && !isFull) {
      const batch = nextBatch()
      if (!batch) break
      open += 1
      void get(batch).finally(() => {
        open -= 1
        pump()
      })
    }
    wake()
  }

  function lookForRoom(): void {
    looking ??= source
      .room()
      .then(room => {
        looking = undefined
        if (room <= 0) return pause('the disk is full up to its reserve')
        allowance = Math.min(room, ROOM_LOOK_BYTES)
        return pump()
      })
      .catch(parts.onFailure)
  }

  /** Resolves when all has come; it may not be stored yet, so that the line need not wait for the disk. */
  async function get({ of, refs }: Batch): Promise<void> {
    const unanswered = new Set(refs)
    const land = (ref: BlobRef, outcome: Outcome): void => {
      flights.land(ref, outcome === 'here')
      pending[of] -= 1
      if (of === 'data') wants.landed(ref, outcome)
    }
    const keep = async (ref: BlobRef, bytes: Uint8Array): Promise<void> => {
      let isTaken = false
      try {
        const isRoom = of === 'claims' ? !isFull : paused === undefined
        isTaken = isRoom && (await source.take({ from: peer, set: of, bytes, ref }))
        if (isRoom && !isTaken) refused += 1
      } catch (error) {
        if (!isPeerkeepError(error, 'DISK_FULL')) throw error
        isFull = true
        pause('the disk is full')
      } finally {
        land(ref, isTaken ? 'here' : 'dropped')
      }
    }
    await line
      .request(refs, async (ref, blob) => {
        unanswered.delete(ref)
        if (blob === undefined) return land(ref, 'absent')
        const { bytes } = blob
        allowance -= bytes.length
        storingBytes += bytes.length
        const stored: Promise<void> = keep(ref, bytes)
          .catch(parts.onFailure)
          .finally(() => {
            blob.giveBack()
            storingBytes -= bytes.length
            storing.delete(stored)
            wake()
          })
        storing.add(stored)
        // Blobs share syncs when many are stored at a time; how many is bounded so that their bytes are.
        while (storing.size >= STORING_MAX || storingBytes > INCOMING_BYTES_MAX)
          await Promise.race(storing)
      })
      .catch(parts.onFailure)
    for (const ref of unanswered) land(ref, 'dropped')
  }

  /** Stops asking: what was lacked is found again by the comparison that follows when there is room. */
  function pause(reason: string): void {
    if (paused !== undefined || isStopped) return
    paused = reason
    log.warn('not storing', { reason })
    for (const of of setNames) {
      if (of === 'claims' && !isFull) continue
      pending[of] -= lacked[of].length
      lacked[of] = []
    }
    wants.drop()
    wake()
    const retry = (): void => {
      stopRetry = clock.after(NO_ROOM_RETRY_MS, () => {
        source
          .room()
          .then(room => {
            if (room <= 0) return retry()
            paused = undefined
            isFull = false
            allowance = 0
            log.info('storing again', {})
            parts.onRoom()
            return pump()
          })
          .catch(parts.onFailure)
      })
    }
    retry()
  }

  async function until(isDone: () => boolean): Promise<void> {
    while (!isStopped && !isDone()) {
      await new Promise<void>(resolve => {
        const waiter = (): void => {
          waiters.delete(waiter)
          resolve()
        }
        waiters.add(waiter)
      })
    }
  }

  return {
    lack(set, refs) {
      if (isFull || (paused !== undefined && set !== 'claims')) return
      lacked[set].push(...refs)
      pending[set] += refs.length
      pump()
    },
    async fetched(set) {
      await until(() => pending[set] === 0)
      if (!isStopped) await source.settled()
    },
    room: () => until(() => lacked.claims.length + lacked.schema.length < LACKED_REFS_MAX),
    look(isNews) {
      wants.look(isNews)
      pump()
    },
    pending,
    get refused() {
      return refused
    },
    get paused() {
      return paused
    },
    stop() {
      isStopped = true
      stopRetry?.()
      wants.stop()
      wake()
    },
  }
}
