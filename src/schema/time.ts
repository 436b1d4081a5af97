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

function minutesOf(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))
  return zone.startsWith('-') ? -minutes : minutes
}

function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by
}
