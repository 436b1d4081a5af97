import { PeerkeepError } from '../base/errors.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { Snapshot } from '../index/queries.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import { parseDuration } from './durations.ts'

/** Which of a backup's snapshots is meant: what stands behind the `@` of a target. */
export type When =
  | { readonly kind: 'latest' }
  /** The newest one dated before this. */
  | { readonly kind: 'before'; readonly until: Nanoseconds }
  | { readonly kind: 'content'; readonly ref: BlobRef }

const datePattern = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d))?)?)?)?)?Z?$/

/**
 * Reads `latest`, a date or its beginning (UTC; all of that year, month, day … is included), an age
 * such as `3d`, or a snapshot's ref. `now` is in milliseconds. Throws `BAD_USAGE`.
 */
export function parseWhen(text: string, now: number): When {
  if (text === 'latest') return { kind: 'latest' }
  if (isBlobRef(text)) return { kind: 'content', ref: text }
  const age = parseDuration(text)
  const until = age === undefined ? endOfDate(text) : now - age + 1
  if (until !== undefined) return { kind: 'before', until: BigInt(until) * 1_000_000n }
  throw new PeerkeepError(
    'BAD_USAGE',
    `${text} is no time: write latest, a date or its beginning (2026-03-04), an age (3d), or a snapshot's ref`,
  )
}

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

/** The snapshot that `when` means, of snapshots that are oldest first; undefined when there is none. */
export function pickSnapshot(snapshots: readonly Snapshot[], when: When): Snapshot | undefined {
  switch (when.kind) {
    case 'latest':
      return snapshots.at(-1)
    case 'before':
      return snapshots.findLast(snapshot => snapshot.date < when.until)
    case 'content':
      return snapshots.findLast(snapshot => snapshot.content === when.ref)
  }
}
