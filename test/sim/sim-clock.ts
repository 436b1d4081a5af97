import type { Clock } from '../../src/base/clock.ts'

/** Time that passes only when the test says so. */
export interface SimClock extends Clock {
  /**
   * Lets `ms` milliseconds pass: timers fire in the order of their times, each at its own, and what
   * they set going runs until it waits for something else.
   */
  advance(ms: number): Promise<void>
  /** Moves the wall clock alone, as a person or NTP does; timers do not notice. */
  setWall(now: number): void
  /** How many timers wait. */
  readonly pending: number
}

interface Timer {
  readonly at: number
  readonly action: () => void
}

export function openSimClock(start = Date.UTC(2026, 0, 1)): SimClock {
  const timers = new Set<Timer>()
  let elapsed = 0
  let wallOffset = start

  function nextTimer(until: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers) {
      if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer
    }
    return first
  }

  return {
    now: () => Math.floor(wallOffset + elapsed),
    monotonic: () => elapsed,
    after(ms, action) {
      const timer = { at: elapsed + Math.max(0, ms), action }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(ms) {
      const until = elapsed + ms
      await settled()
      for (let timer = nextTimer(until); timer !== undefined; timer = nextTimer(until)) {
        timers.delete(timer)
        elapsed = timer.at
        timer.action()
        await settled()
      }
      elapsed = until
    },
    setWall(now) {
      wallOffset = now - elapsed
    },
    get pending() {
      return timers.size
    },
  }
}

/** After everything that is ready to run has run. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
