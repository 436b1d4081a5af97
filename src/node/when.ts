import { PeerkeepError } from '../base/errors.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { Snapshot } from '../index/queries.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import { endOfDate } from '../schema/time.ts'
import { parseDuration } from './durations.ts'

/** Which of a backup's snapshots is meant: what stands behind the `@` of a target. */
export type When =
  | { readonly kind: 'latest' }
  /** The newest one dated before this. */
  | { readonly kind: 'before'; readonly until: Nanoseconds }
  | { readonly kind: 'content'; readonly ref: BlobRef }

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
