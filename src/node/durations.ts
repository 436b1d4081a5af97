import { PeerkeepError } from '../base/errors.ts'

const secondsOf: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
}

/** `90s`, `10m`, `2h`, `3d`, `2w` in milliseconds; undefined for text that is none. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) return undefined
  return Number(amount) * (secondsOf[unit] ?? 0) * 1000
}

/** The same for text that must be one. Throws `BAD_USAGE`. */
export function requireDuration(text: string): number {
  const duration = parseDuration(text)
  if (duration !== undefined) return duration
  throw new PeerkeepError('BAD_USAGE', `${text} is no duration; one looks like 90s, 10m, 2h or 3d`)
}
