import { isPeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

/** Runs of one piece of work, never two at once, of which a call asks for one that begins after it. */
export interface Passes {
  /** Resolves when a run that began after the call has ended; rejects as that run does. */
  readonly run: () => Promise<void>
  /** Asks for a run, and leaves what goes wrong to the log. */
  readonly wake: () => void
  /** No further run begins. */
  stop(): void
  /** Resolves when none runs. */
  idle(): Promise<void>
}

export function openPasses(work: () => Promise<void>, messages: Log): Passes {
  let current: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let isStopped = false

  async function begin(previous: Promise<void>): Promise<void> {
    await previous.catch(() => undefined)
    next = undefined
    await work()
  }

  function run(): Promise<void> {
    if (next === undefined) {
      next = begin(current)
      current = next
    }
    return next
  }

  return {
    run: async () => run(),
    wake() {
      if (isStopped) return
      run().catch((error: unknown) => {
        if (!isPeerkeepError(error, 'CLOSED'))
          messages.warn('index behind', { reason: String(error) })
      })
    },
    stop() {
      isStopped = true
    },
    idle: async () => current.catch(() => undefined),
  }
}
