import type { Clock } from '../base/clock.ts'

/** How far something is, and how fast. */
export interface Progress {
  readonly files: number
  readonly bytes: number
  readonly totalBytes?: number | undefined
  readonly bytesPerSecond?: number | undefined
  readonly secondsLeft?: number | undefined
}

/** The rate is that of about the last so many milliseconds: long enough to be steady, short enough to be true. */
const RATE_WINDOW_MS = 5000

/** Samples that the window holds at most. */
const SAMPLES_MAX = 50

/** Measures progress by a clock: call it with the counts of the moment. */
export function openProgress(
  clock: Clock,
): (files: number, bytes: number, totalBytes?: number) => Progress {
  const samples: { readonly time: number; readonly bytes: number }[] = []
  return (files, bytes, totalBytes) => {
    const time = clock.monotonic()
    samples.push({ time, bytes })
    while (samples.length > SAMPLES_MAX || time - (samples[0]?.time ?? time) > RATE_WINDOW_MS)
      samples.shift()
    const first = samples[0] ?? { time, bytes }
    const seconds = (time - first.time) / 1000
    const bytesPerSecond = seconds > 0 ? (bytes - first.bytes) / seconds : undefined
    const isKnown = totalBytes !== undefined && bytesPerSecond !== undefined && bytesPerSecond > 0
    const secondsLeft = isKnown ? Math.max(totalBytes - bytes, 0) / bytesPerSecond : undefined
    return { files, bytes, totalBytes, bytesPerSecond, secondsLeft }
  }
}
