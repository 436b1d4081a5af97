import type { Nanoseconds } from './schema-blob.ts'

const NANOSECONDS_PER_SECOND = 1_000_000_000n
/** The first and the last nanosecond of the years 0 to 9999: other years cannot be written. */
const TIME_MIN = -62_167_219_200n * NANOSECONDS_PER_SECOND
const TIME_MAX = 253_402_300_800n * NANOSECONDS_PER_SECOND - 1n

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** Whether a time has a text: file systems know times that have none. */
export function isWritableTime(time: Nanoseconds): boolean {
  return time >= TIME_MIN && time <= TIME_MAX
}

/** RFC 3339 in UTC with up to nine digits of fraction, no trailing zeros. Throws RangeError outside the years 0 to 9999. */
export function formatTime(time: Nanoseconds): string {
  if (!isWritableTime(time)) throw new RangeError(`the time ${time} is not of the years 0 to 9999`)
  const fraction = modulo(time, NANOSECONDS_PER_SECOND)
  const seconds = (time - fraction) / NANOSECONDS_PER_SECOND
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  if (fraction === 0n) return `${text}Z`
  return `${text}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}Z`
}

/** Reads RFC 3339 with any offset; undefined for text that is no time of the years 0 to 9999. */
export function parseTime(text: string): Nanoseconds | undefined {
  const match = pattern.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match
  const civil = `${year}-${month}-${day}T${hour}:${minute}:${second}`
  const milliseconds = Date.parse(`${civil}Z`)
  // Date.parse lets 30 February through as 1 March; what it read must be what was written.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString().slice(0, 19) !== civil) {
    return undefined
  }
  const offsetMinutes = zone === 'Z' ? 0 : minutesOf(zone)
  const seconds = BigInt(milliseconds / 1000 - offsetMinutes * 60)
  const time = seconds * NANOSECONDS_PER_SECOND + BigInt(fraction.padEnd(9, '0'))
  return isWritableTime(time) ? time : undefined
}

const datePattern = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d))?)?)?)?)?Z?$/

/** The first millisecond after the year, month, day, hour, minute or second that the text names. */
export function endOfDate(text: string): number | undefined {
  const match = datePattern.exec(text)
  if (!match) return undefined
  const parts = match.slice(1).filter(part => part !== undefined)
  const numbers = parts.map(Number)
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = numbers
  const isReal =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    hour < 24 &&
    minute < 60 &&
    second < 60
  if (!isReal) return undefined
  const next = [year, month - 1, day, hour, minute, second]
  const last = parts.length - 1
  next[last] = (next[last] ?? 0) + 1
  return Date.UTC(next[0] ?? 0, next[1], next[2], next[3], next[4], next[5])
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function minutesOf(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))
  return zone.startsWith('-') ? -minutes : minutes
}

function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by
}
