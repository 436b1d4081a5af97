import type { Clock } from '../base/clock.ts'
import { isPeerkeepError } from '../base/errors.ts'
import type { KeyValue } from '../base/key-value.ts'
import type { Log } from '../base/log.ts'
import type { Door } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { BlobStore } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'
import { writeStaticSet } from '../schema/static-set.ts'
import type { KeyId } from '../schema/signer.ts'
import { LOOSE_ATTRIBUTE, loosePermanodeKey } from '../schema/well-known.ts'
import type { ClaimWriter } from './claim-writer.ts'
import { classifyLoose } from './loose-classes.ts'
import {
  deletionOf,
  type NotedBlob,
  notedAfter,
  NOTED_PAGE_REFS,
  noteRefs,
  scanNoted,
} from './loose-rows.ts'

/**
 * Looks after blobs that came in raw (over HTTP, by `sync … here`): what no claim ever reaches is pinned by a claim of
 * this device, so that it is live, goes to the other devices, and is listed.
 *
 * A piece of a file comes before the file, and the file before its claim. So a blob is only noted when it comes, and
 * looked at when the coming is over: at the end of a sync, or after some quiet minutes. A pin too many does no harm.
 */
export interface LooseKeeper {
  /** Says that blobs are about to be stored. Resolves once that outlives a power cut: store them after that. */
  note(refs: readonly BlobRef[]): Promise<void>
  /** Looks at all that was noted until now, and pins what is loose. Rejects when what must be read or stored cannot. */
  settle(): Promise<Settled>
  /** What is noted and was not looked at yet, in order. */
  noted(): AsyncIterable<NotedBlob>
  close(): Promise<void>
}

interface Settled {
  /** Blobs pinned now. */
  readonly pinned: number
  /** Noted ones that something reaches, or that need no pin. */
  readonly reached: number
  /** Noted ones that never came. */
  readonly gone: number
  /** Why nothing was pinned for now: this device's clock is off. What was noted stays noted. */
  readonly refusal: string | undefined
}

export interface LooseParts {
  readonly device: KeyId
  readonly state: KeyValue
  readonly store: Pick<BlobStore, 'stat'>
  readonly door: Door
  /** The index of the moment. */
  readonly index: () => Index
  readonly claims: ClaimWriter
  readonly clock: Clock
  readonly log: Log
  /** Whether it also looks by itself, for as long as it is open. */
  readonly isWatching: boolean
  /** Refs that one pin names; at least as many as a page has. */
  readonly pinRefsMax?: number | undefined
}

/** Without a new note for so long, whoever brought the last blobs is done with them, in milliseconds. */
const QUIET_MS = 5 * 60_000

/** From the first note at the longest, where blobs come without end: an upload of a large file takes hours. */
const LONGEST_MS = 6 * 60 * 60_000

/** Refs that one pin names: what a static-set holds unsplit, and 670 kB of memory. */
const PIN_REFS_MAX = 10_000

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export function openLooseKeeper(parts: LooseParts): LooseKeeper {
  const { state, clock, log, pinRefsMax = PIN_REFS_MAX } = parts
  /** What was noted since the page at hand was read: it may be on its way, whatever the page says. */
  const renoted = new Set<BlobRef>()
  let settling: Promise<Settled> | undefined
  let stopTimer: (() => void) | undefined
  let firstNoteAt: number | undefined
  let lastNoteAt = 0
  let isClosed = false

  async function note(refs: readonly BlobRef[]): Promise<void> {
    if (settling) for (const ref of refs) renoted.add(ref)
    await noteRefs(state, refs, clock.now())
    lastNoteAt = clock.monotonic()
    firstNoteAt ??= lastNoteAt
    watch(QUIET_MS)
  }

  /** Looks by itself in `ms`, unless it is to look sooner. */
  function watch(ms: number): void {
    if (isClosed || !parts.isWatching || stopTimer) return
    stopTimer = clock.after(ms, () => {
      stopTimer = undefined
      const now = clock.monotonic()
      const left = Math.min(lastNoteAt + QUIET_MS, (firstNoteAt ?? now) + LONGEST_MS) - now
      if (left > 0) watch(left)
      else void settleByItself()
    })
  }

  async function settleByItself(): Promise<void> {
    try {
      const { refusal } = await settle()
      if (refusal !== undefined) watch(QUIET_MS)
    } catch (error) {
      if (isPeerkeepError(error, 'CLOSED')) return
      log.warn('loose blobs not pinned', { reason: String(error) })
      watch(QUIET_MS)
    }
  }

  /** One at a time: what was noted while another one runs is this one's. */
  async function settle(): Promise<Settled> {
    while (settling) await settling.catch(() => undefined)
    settling = settleAll().finally(() => (settling = undefined))
    return settling
  }

  async function settleAll(): Promise<Settled> {
    const counts = { pinned: 0, reached: 0, gone: 0 }
    const refusal = parts.claims.refusal()
    if (refusal !== undefined) return { ...counts, refusal }
    firstNoteAt = undefined
    let loose: BlobRef[] = []
    let after: BlobRef | undefined
    for (let isMore = true; isMore && !isClosed;) {
      renoted.clear()
      const page = await notedAfter(state, after)
      isMore = page.length === NOTED_PAGE_REFS
      after = page.at(-1)?.ref ?? after
      const found = await classifyLoose(parts, page)
      const gone = found.gone.filter(({ ref, since }) => isOver(since) && !renoted.has(ref))
      counts.gone += gone.length
      counts.reached += found.reached.length
      loose.push(...found.loose)
      await state.batch([...found.reached, ...gone.map(({ ref }) => ref)].map(deletionOf))
      if (loose.length + NOTED_PAGE_REFS <= pinRefsMax && isMore) continue
      counts.pinned += await pin(parts, loose)
      loose = []
    }
    if (counts.pinned > 0) log.info('loose blobs pinned', counts)
    renoted.clear()
    return { ...counts, refusal: undefined }
  }

  /** A blob is noted before it is stored: one that is not here may be on its way. */
  function isOver(since: number): boolean {
    return clock.now() - since >= QUIET_MS
  }

  // What a process before this one noted is looked at, too.
  lastNoteAt = clock.monotonic()
  watch(QUIET_MS)
  return {
    note,
    settle,
    noted: () => scanNoted(state),
    async close() {
      isClosed = true
      stopTimer?.()
      await settling?.catch(() => undefined)
    },
  }
}

/** Stores the set of `refs` and the claim that pins it. Answers how many it pinned. */
async function pin(
  { state, door, claims, clock, device }: LooseParts,
  refs: readonly BlobRef[],
): Promise<number> {
  if (refs.length === 0) return 0
  const { top, blobs } = writeStaticSet([...refs].sort())
  // Between the set and its claim a kill would leave a set that reaches them all and that nothing reaches.
  await noteRefs(state, [top], clock.now())
  for (const bytes of blobs) await door.receive(bytes)
  const permanode = await claims.plannedPermanode(loosePermanodeKey(device))
  const said = { claimType: 'add-attribute', attribute: LOOSE_ATTRIBUTE } as const
  await claims.sign({ ...said, permanode, value: top })
  await state.batch([...refs, top].map(deletionOf))
  return refs.length
}
