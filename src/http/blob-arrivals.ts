import type { Clock } from '../base/clock.ts'
import type { BlobRef } from '../blob/ref.ts'
import { WAIT_SECONDS_MAX, WAITING_MAX } from './limits.ts'

/** Lets requests wait until blobs come in. */
export interface BlobArrivals {
  /**
   * Resolves after a blob has come in that `isWanted`, after `seconds`, or when `signal` aborts, whatever is first; at
   * once when too many wait already.
   */
  wait(seconds: number, isWanted: (ref: BlobRef) => boolean, signal: AbortSignal): Promise<void>
}

export function openBlobArrivals(
  onBlob: (listener: (ref: BlobRef) => void) => () => void,
  clock: Clock,
): BlobArrivals {
  let waiting = 0
  return {
    async wait(seconds, isWanted, signal) {
      if (seconds <= 0 || waiting >= WAITING_MAX || signal.aborted) return
      waiting += 1
      const { promise, resolve } = Promise.withResolvers<void>()
      const stopListening = onBlob(ref => {
        if (isWanted(ref)) resolve()
      })
      const cancel = clock.after(seconds * 1000, resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
      stopListening()
      cancel()
      waiting -= 1
    },
  }
}

/** `maxwaitsec` as Perkeep reads it: what is no number is none, and more than the most is the most. */
export function waitSeconds(text: string | null): number {
  const seconds = Number(text ?? 0)
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.floor(seconds), 0), WAIT_SECONDS_MAX) : 0
}
