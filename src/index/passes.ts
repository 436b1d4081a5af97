import { isPeerkeepError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { PASS_PAUSE_MS } from './limits.ts'

/** Runs of one piece of work, never two at once, of which a call asks for one that begins after it. */
export interface Passes {
  /** Resolves when a run that began after the call has ended; rejects as that run does. */
  readonly run: () => Promise<void>
  /** Asks for a run, not sooner than a pause after the last one, and leaves what goes wrong to the log. */
  readonly wake: () => void
  /** No further run begins. */
  stop(): void
  /** Resolves when none runs. */
  idle(): Promise<void>
}

export function openPasses(
  work: () => Promise<void>,
  { clock, messages }: { readonly clock: Clock; readonly messages: Log },
): Passes {
  let current: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let isStopped = false
  let beganAt = -Infinity
  let cancelWake: (() => void) | undefined

  async function begin(previous: Promise<void>): Promise<void> {
    await previous.catch(() => undefined)
    next = undefined
    beganAt = clock.monotonic()
    await work()
  }

  function run(): Promise<void> {
    if (next === undefined) {
      next = begin(current)
      current = next
    }
    return next
  }

  function runQuietly(): void {
    cancelWake = undefined
    run().catch((error: unknown) => {
      if (!isPeerkeepError(error, 'CLOSED'))
        messages.warn('index behind', { reason: String(error) })
    })
  }

  return {
    run: async () => run(),
    wake() {
      if (isStopped || cancelWake || next) return
      const pause = Math.max(0, beganAt + PASS_PAUSE_MS - clock.monotonic())
      cancelWake = clock.after(pause, runQuietly)
    },
    stop() {
      isStopped = true
      cancelWake?.()
    },
    idle: async () => current.catch(() => undefined),
  }
}
