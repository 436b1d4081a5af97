import type { Clock } from '../base/clock.ts'
import { openProgress } from '../files/progress.ts'
import type { OperationContext } from './operation.ts'

/** Milliseconds between two reports: often enough for a person, seldom enough to cost nothing. */
const REPORT_MS = 100

/** Turns counts into progress events, a few a second. */
export function progressReporter(
  phase: string,
  clock: Clock,
  { emit }: OperationContext,
): (counts: { readonly files: number; readonly bytes: number }) => void {
  const measure = openProgress(clock)
  let next = 0
  return ({ files, bytes }) => {
    const now = clock.monotonic()
    if (now < next) return
    next = now + REPORT_MS
    // Whoever asked may be gone; the operation notices that by its signal.
    void emit({ type: 'progress', progress: { phase, ...measure(files, bytes) } }).catch(
      () => undefined,
    )
  }
}
