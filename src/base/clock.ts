/**
 * Time as a parameter: parts never ask the system, they are handed a Clock, so that tests run on
 * virtual time and a wrong clock can be simulated.
 */
export interface Clock {
  /** Wall-clock time in whole milliseconds since 1970 UTC. May jump, either way. */
  now(): number
  /** Milliseconds from an arbitrary start, with fractions. Never goes back; for durations and rates. */
  monotonic(): number
  /**
   * Calls `action` once, no sooner than `ms` milliseconds from now, unless the returned function is
   * called first. A pending timer of the system clock does not keep the process alive by itself.
   */
  after(ms: number, action: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms` milliseconds of `clock`; rejects with the signal's reason when it aborts first. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Milliseconds between the wake-ups of a process that only waits: as seldom as a timer can. */
const IDLE_MS = 2 ** 31 - 1

/** Keeps the process alive, though nothing but timers is pending, until the returned function is called. */
export function keepProcessAlive(): () => void {
  const timer = setInterval(() => undefined, IDLE_MS)
  return () => clearInterval(timer)
}
