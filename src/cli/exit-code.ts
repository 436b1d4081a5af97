import { type ErrorCode, isPeerkeepError } from '../base/errors.ts'

/** What the process says to the shell: 0 done, 1 failed, and these. */
export const EXIT_USAGE = 2
/** Done, but not for everything; what is left out has been listed. */
export const EXIT_PARTIAL = 3
/** Refused for safety. */
const EXIT_REFUSED = 4
/** Stopped by the person (Ctrl-C), as shells count it. */
const EXIT_INTERRUPTED = 130

const exitCodes: Partial<Record<ErrorCode, number>> = {
  ABORTED: EXIT_INTERRUPTED,
  BAD_REF: EXIT_USAGE,
  BAD_USAGE: EXIT_USAGE,
  HOME_EXISTS: EXIT_REFUSED,
  HOME_MISSING: EXIT_REFUSED,
  NOT_ADMIN: EXIT_REFUSED,
  PARTIAL: EXIT_PARTIAL,
  REFUSED: EXIT_REFUSED,
}

export function exitCodeOf(error: unknown): number {
  return isPeerkeepError(error) ? (exitCodes[error.code] ?? 1) : 1
}
