import { compareText } from '../base/text-order.ts'
import { foldCase } from './search-words.ts'
import type {
  NumberConstraint,
  Rectangle,
  StringConstraint,
  TimeConstraint,
} from './search-query.ts'

export function isWithin(value: number, { min, max }: NumberConstraint): boolean {
  return (min === undefined || value >= min) && (max === undefined || value <= max)
}

export function matchesText(given: string, constraint: StringConstraint): boolean {
  const fold = constraint.caseInsensitive === true ? foldCase : (text: string) => text
  const text = fold(given)
  const { empty, equals, contains, hasPrefix, hasSuffix, byteLength, matches } = constraint
  return (
    (empty !== true || text === '') &&
    (equals === undefined || text === fold(equals)) &&
    (contains === undefined || text.includes(fold(contains))) &&
    (hasPrefix === undefined || text.startsWith(fold(hasPrefix))) &&
    (hasSuffix === undefined || text.endsWith(fold(hasSuffix))) &&
    (byteLength === undefined || isWithin(Buffer.byteLength(given), byteLength)) &&
    (matches === undefined || matches(given))
  )
}

/** `now` in nanoseconds, as the times. */
export function isInTime(
  time: bigint,
  { before, after, inLast }: TimeConstraint,
  now: bigint,
): boolean {
  return (
    (before === undefined || time < before) &&
    (after === undefined || time >= after) &&
    (inLast === undefined || time >= now - inLast)
  )
}

/** Whole numbers and decimals as Go reads them; undefined for what is none. */
export function integerOf(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined
}

export function decimalOf(text: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) && text.length < 40
    ? Number(text)
    : undefined
}

/** Degrees. */
export interface Position {
  readonly latitude: number
  readonly longitude: number
}

export function isInside({ latitude, longitude }: Position, area: Rectangle): boolean {
  const { north, south, west, east } = area
  if (latitude > north || latitude < south) return false
  return west <= east
    ? longitude >= west && longitude <= east
    : longitude >= west || longitude <= east
}

/** The smallest rectangle around places: across the date line where that is narrower. Undefined for none. */
export function areaOf(positions: readonly Position[]): Rectangle | undefined {
  if (positions.length === 0) return undefined
  const latitudes = positions.map(({ latitude }) => latitude).sort((a, b) => a - b)
  const longitudes = positions.map(({ longitude }) => longitude).sort((a, b) => a - b)
  const [south, north] = [latitudes[0] ?? 0, latitudes.at(-1) ?? 0]
  let [west, east] = [longitudes[0] ?? 0, longitudes.at(-1) ?? 0]
  let widest = 360 - (east - west)
  for (const [i, longitude] of longitudes.entries()) {
    const next = longitudes[i + 1]
    if (next === undefined || next - longitude <= widest) continue
    widest = next - longitude
    ;[west, east] = [next, longitude]
  }
  return { north, south, west, east }
}

/** The order of an answer: by time, then by ref. */
export function comparePlaces(
  a: { readonly time: bigint; readonly ref: string },
  b: { readonly time: bigint; readonly ref: string },
): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1
  return compareText(a.ref, b.ref)
}
