import { type Clock, delay } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { S3_ATTEMPTS_MAX, S3_RETRY_MS, S3_RETRY_MS_MAX, S3_THROTTLED_MS } from './limits.ts'
import { isPassing, isThrottling } from './s3-errors.ts'

export interface Retrying {
  readonly clock: Clock
  readonly random: Random
  /** Ends a pause; nothing is tried again once it has aborted. */
  readonly closing: AbortSignal
}

/** Tries again, after longer and longer pauses, what may succeed a little later; the last failure is thrown. */
export async function retry<Result>(
  { clock, random, closing }: Retrying,
  attempt: () => Promise<Result>,
): Promise<Result> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      if (tried >= S3_ATTEMPTS_MAX || !isPassing(error)) throw error
      await delay(clock, pauseMs(tried, isThrottling(error), random), closing)
    }
  }
}

/** Half of it by chance, so that many who failed together do not come back together. */
function pauseMs(tried: number, isThrottled: boolean, random: Random): number {
  const first = isThrottled ? S3_THROTTLED_MS : S3_RETRY_MS
  const longest = Math.min(S3_RETRY_MS_MAX, first * 2 ** (tried - 1))
  const chance = (random.bytes(1)[0] ?? 0) / 255
  return longest * (0.5 + chance / 2)
}
