/** Work that several may ask for at a time, and that is done once for all of them. */
export interface Shared<Result> {
  /**
   * Begins the work under `key`, or waits for it where it is under way. The signal it gets aborts when all who asked are
   * gone. Rejects as the work does, or with the reason of `signal` when that aborts first.
   */
  run(
    key: string,
    work: (signal: AbortSignal) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result>
  /** Resolves when none is under way. */
  idle(): Promise<void>
}

interface Running<Result> {
  readonly done: Promise<Result>
  readonly abandoned: AbortController
  askers: number
}

export function openShared<Result>(): Shared<Result> {
  const running = new Map<string, Running<Result>>()

  function begin(key: string, work: (signal: AbortSignal) => Promise<Result>): Running<Result> {
    const abandoned = new AbortController()
    const forget = (): void => {
      if (running.get(key) === begun) running.delete(key)
    }
    const begun = { done: work(abandoned.signal).finally(forget), abandoned, askers: 0 }
    // Each who asked hears of it; when all are gone, nobody.
    begun.done.catch(() => undefined)
    running.set(key, begun)
    return begun
  }

  return {
    async run(key, work, signal) {
      signal?.throwIfAborted()
      const shared = running.get(key) ?? begin(key, work)
      shared.askers += 1
      const { promise: gone, reject } = Promise.withResolvers<never>()
      const onAbort = (): void => {
        shared.askers -= 1
        if (shared.askers === 0) {
          // Whoever asks next begins anew.
          if (running.get(key) === shared) running.delete(key)
          shared.abandoned.abort(signal?.reason)
        }
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', onAbort)
      try {
        return await Promise.race([shared.done, gone])
      } finally {
        signal?.removeEventListener('abort', onAbort)
      }
    },
    async idle() {
      await Promise.allSettled([...running.values()].map(async ({ done }) => done))
    },
  }
}
