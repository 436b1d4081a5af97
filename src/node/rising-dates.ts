import type { Clock } from '../base/clock.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'

/** Dates for claims that are signed in one go: now, each later than the one before. */
export function risingDates(clock: Clock, after: Nanoseconds = 0n): () => Nanoseconds {
  let last = after
  return () => {
    const now = BigInt(clock.now()) * 1_000_000n
    last = now > last ? now : last + 1n
    return last
  }
}
