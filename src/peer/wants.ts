import type { Clock } from '../base/clock.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Flights } from './flights.ts'
import { ABSENT_REFS_MAX, WANT_AGAIN_MAX_MS, WANT_AGAIN_MIN_MS, WANTS_AHEAD } from './limits.ts'
import type { ReplicaSource } from './source.ts'

/**
 * The data that one peer is asked for: passes over all that is wanted and that nobody else is bringing. A peer that
 * had nothing of a pass is asked again when it says that it has more, ever less often.
 */
export interface Wants {
  /** Up to `max` wanted refs, which are the caller's until they have landed. Few or none while more are looked up. */
  take(max: number): readonly BlobRef[]
  landed(ref: BlobRef, outcome: Outcome): void
  look(isNews: boolean): void
  /** Forgets what is set aside. */
  drop(): void
  stop(): void
}

/** What became of a blob that was asked for: stored, not there, or not stored for a reason of this side. */
export type Outcome = 'here' | 'absent' | 'dropped'

interface WantsParts {
  readonly source: Pick<ReplicaSource, 'wants'>
  readonly flights: Flights
  readonly clock: Clock
  /** Called when there may be more to take. */
  readonly onReady: () => void
  /** Called at the end of a pass that brought something. */
  readonly onData: () => void
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export function openWants({ source, flights, clock, onReady, onData }: WantsParts): Wants {
  let pass: AsyncIterator<BlobRef> | undefined
  let ahead: BlobRef[] = []
  let isFilling = false
  let isDue = false
  let isNews = false
  let isStopped = false
  let flying = 0
  let taken = 0
  /** What the peer had not when it was asked, until it says that it has more. */
  const absent = new Set<BlobRef>()
  let wait = 0
  let stopTimer: (() => void) | undefined

  async function fill(): Promise<void> {
    while (pass && ahead.length < WANTS_AHEAD && !isStopped) {
      const next = await pass.next()
      if (next.done === true) pass = undefined
      else if (absent.size >= ABSENT_REFS_MAX) drop()
      else if (!absent.has(next.value)) ahead.push(...flights.begin([next.value]))
    }
  }

  function fillMore(): void {
    if (isFilling || !pass) return
    isFilling = true
    fill()
      // The rows are closed: so is the node, or soon.
      .catch(() => (pass = undefined))
      .finally(() => {
        isFilling = false
        endWhenDone()
        onReady()
      })
  }

  function endWhenDone(): void {
    if (isStopped || pass || isFilling || ahead.length > 0 || flying > 0) return
    if (taken > 0) onData()
    // A peer that had nothing is asked again later; one that had something, at once.
    const longer = Math.min(Math.max(2 * wait, WANT_AGAIN_MIN_MS), WANT_AGAIN_MAX_MS)
    wait = absent.size > 0 && taken === 0 ? longer : 0
    taken = 0
    if (isDue) schedule()
  }

  function begin(): void {
    if (pass || isFilling || flying > 0 || ahead.length > 0 || isStopped) return
    isDue = false
    if (isNews) absent.clear()
    isNews = false
    pass = source.wants()[Symbol.asyncIterator]()
    fillMore()
  }

  function schedule(): void {
    if (stopTimer) return
    stopTimer = clock.after(wait, () => {
      stopTimer = undefined
      begin()
    })
  }

  const stopListening = flights.onMissed(() => look(false))

  function look(hasNews: boolean): void {
    isDue = true
    isNews ||= hasNews
    schedule()
  }

  function drop(): void {
    for (const ref of ahead) flights.land(ref, false)
    ahead = []
    void pass?.return?.()
    pass = undefined
  }

  return {
    take(max) {
      const refs = ahead.splice(0, max)
      flying += refs.length
      if (ahead.length < WANTS_AHEAD / 2) fillMore()
      return refs
    },
    landed(ref, outcome) {
      flying -= 1
      if (outcome === 'here') taken += 1
      if (outcome === 'absent') absent.add(ref)
      endWhenDone()
    },
    look,
    drop,
    stop() {
      isStopped = true
      stopTimer?.()
      stopListening()
      drop()
    },
  }
}
