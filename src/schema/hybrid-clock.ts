import type { Nanoseconds } from './schema-blob.ts'

/** How far ahead of the clock a claim may be dated and still act: clocks of honest devices differ less. */
export const FUTURE_LIMIT_MS: number = 10 * 60 * 1000

const NANOSECONDS_PER_MILLISECOND = 1_000_000n

/** The date of a new claim: now, but after `latestDue`, the latest date of all due claims this device has seen. */
export function nextClaimDate(latestDue: Nanoseconds, nowMs: number): Nanoseconds {
  const now = nanoseconds(nowMs)
  return now > latestDue ? now : latestDue + 1n
}

/** Whether a claim of this date acts now. */
export function isDue(date: Nanoseconds, nowMs: number): boolean {
  return date <= nanoseconds(nowMs + FUTURE_LIMIT_MS)
}

function nanoseconds(milliseconds: number): Nanoseconds {
  return BigInt(Math.floor(milliseconds)) * NANOSECONDS_PER_MILLISECOND
}
