/** Bytes that may be in memory at once, shared by everyone who takes of them. */
export interface Budget {
  /**
   * Waits in turn until `bytes` are free, and takes them; call the answer once to give them back,
   * again does nothing. More than the whole budget waits for all of it and passes alone. Rejects
   * with the signal's reason when that aborts first.
   */
  take(bytes: number, signal?: AbortSignal): Promise<() => void>
}

interface Waiting {
  readonly bytes: number
  readonly start: (giveBack: () => void) => void
}

/** A budget of `total` bytes. First come, first served: a large request is never overtaken by small ones. */
export function openBudget(total: number): Budget {
  const waiting = new Set<Waiting>()
  let free = total

  function startWaiting(): void {
    for (const next of waiting) {
      if (next.bytes > free) return
      waiting.delete(next)
      free -= next.bytes
      next.start(giveBackOnce(next.bytes))
    }
  }

  function giveBackOnce(bytes: number): () => void {
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      free += bytes
      startWaiting()
    }
  }

  return {
    async take(bytes, signal) {
      signal?.throwIfAborted()
      const { promise, resolve, reject } = Promise.withResolvers<() => void>()
      const request = { bytes: Math.min(bytes, total), start: resolve }
      const onAbort = (): void => {
        if (!waiting.delete(request)) return
        reject(signal?.reason as Error)
        // It may have stood before smaller ones.
        startWaiting()
      }
      waiting.add(request)
      signal?.addEventListener('abort', onAbort)
      startWaiting()
      try {
        return await promise
      } finally {
        signal?.removeEventListener('abort', onAbort)
      }
    },
  }
}
