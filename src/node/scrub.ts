import type { Clock } from '../base/clock.ts'
import { delay } from '../base/clock.ts'
import { isPeerkeepError } from '../base/errors.ts'
import type { KeyValue } from '../base/key-value.ts'
import type { Log } from '../base/log.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { PackStore } from '../blob/pack-store.ts'

/**
 * Reads everything stored once in a while, slowly, in the background. A blob that is not what its ref says any more is
 * set aside by the read itself, is wanted again, and comes from another device.
 */
export interface Scrub {
  close(): Promise<void>
}

export interface ScrubParts {
  readonly store: Pick<PackStore, 'enumerate' | 'fetch' | 'usage'>
  /** Where the scrub goes on after a restart. */
  readonly state: KeyValue
  readonly clock: Clock
  readonly log: Log
  /** Days from the beginning of one pass to that of the next. */
  readonly days: number
}

interface Progress {
  /** Milliseconds since 1970. */
  readonly began: number
  readonly after?: BlobRef | undefined
  readonly damaged: number
  readonly isDone: boolean
}

const ROW = 'scrub'
const DAY_MS = 86_400_000

/** Bytes a second at least: half a percent of what a disk can, and of a processor. */
const BYTES_PER_SECOND_MIN = 1024 * 1024

/** Bytes that are read in one go, and after which the place is remembered. */
const SLICE_BYTES = 8 * 1024 * 1024

/** At the longest, so that a clock that was set is noticed. */
const REST_MS = 3_600_000

export function openScrub(parts: ScrubParts): Scrub {
  const stopping = new AbortController()
  const running = runScrub(parts, stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted && !isPeerkeepError(error, 'CLOSED'))
      parts.log.warn('scrub stopped', { reason: String(error) })
  })
  return {
    async close() {
      stopping.abort()
      await running
    },
  }
}

async function runScrub(parts: ScrubParts, signal: AbortSignal): Promise<void> {
  const { clock, days } = parts
  for (;;) {
    const known = await readProgress(parts)
    const isDue = !known || !known.isDone || clock.now() >= known.began + days * DAY_MS
    if (isDue)
      await scrubOnce(
        parts,
        known && !known.isDone ? known : { began: clock.now(), damaged: 0, isDone: false },
        signal,
      )
    else await delay(clock, Math.min(REST_MS, known.began + days * DAY_MS - clock.now()), signal)
  }
}

async function scrubOnce(parts: ScrubParts, from: Progress, signal: AbortSignal): Promise<void> {
  const { store, clock, log, days } = parts
  const { bytes: total } = await store.usage()
  const perSecond = Math.max(BYTES_PER_SECOND_MIN, (2 * total) / (days * 86_400))
  let { damaged, after } = from
  let slice = 0
  for await (const { ref, size } of store.enumerate(from.after)) {
    if (!(await isSound(store, ref))) {
      damaged += 1
      log.warn('scrub found a damaged blob', { ref })
    }
    after = ref
    slice += size
    if (slice < SLICE_BYTES) continue
    await saveProgress(parts, { ...from, after, damaged })
    await delay(clock, (slice / perSecond) * 1000, signal)
    slice = 0
  }
  await saveProgress(parts, { began: from.began, damaged, isDone: true })
  log.info('scrub done', { damaged })
}

/** A blob that went meanwhile is no damage. */
async function isSound(store: ScrubParts['store'], ref: BlobRef): Promise<boolean> {
  return store.fetch(ref).then(
    () => true,
    (error: unknown) => {
      if (isPeerkeepError(error, 'BLOB_DAMAGED')) return false
      throw error
    },
  )
}

async function readProgress({ state }: ScrubParts): Promise<Progress | undefined> {
  const text = await state.get(ROW)
  return text === undefined ? undefined : (JSON.parse(text) as Progress)
}

async function saveProgress({ state }: ScrubParts, progress: Progress): Promise<void> {
  await state.batch([{ type: 'put', key: ROW, value: JSON.stringify(progress) }])
}
