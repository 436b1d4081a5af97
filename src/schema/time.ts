import type { Nanoseconds } from './schema-blob.ts'

const NANOSECONDS_PER_SECOND = 1_000_000_000n
const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

/** RFC 3339 in UTC with up to nine digits of fraction, no trailing zeros (PROTOCOL 2). */
export function formatTime(time: Nanoseconds): string {
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
  return seconds * NANOSECONDS_PER_SECOND + BigInt(fraction.padEnd(9, '0'))
}

function minutesOf(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))
  return zone.startsWith('-') ? -minutes : minutes
}

function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by
}
