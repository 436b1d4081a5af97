import type { Clock } from '../base/clock.ts'
import type { KeyValue } from '../base/key-value.ts'
import type { Log } from '../base/log.ts'
import type { KeyId } from '../schema/signer.ts'

/**
 * How many new claims each device has brought in the last day. A device that was taken over could else fill all the
 * others for good, as claims are never collected. Until this device has been equal with another one for the first
 * time nothing is counted: it has joined with nothing, and what it lacks is as much as there is.
 */
export interface ClaimQuota {
  /** Whether a device may bring no more at the moment. */
  isSpent(device: KeyId): boolean
  /** A new claim of a device was stored. */
  note(device: KeyId): void
  /** This device is equal with another one: from now on it counts. */
  begin(): void
  /** Resolves when what was counted is written. */
  close(): Promise<void>
}

/** Claims of a day: what a person and a busy importer sign in a year, and some hundred megabytes at most. */
export const CLAIMS_A_DAY_MAX = 1_000_000

const DAY_MS = 24 * 60 * 60 * 1000

/** Counted claims after which the count is written: a kill forgives as many. */
const WRITE_EVERY = 1000

interface Brought {
  readonly since: number
  readonly count: number
}

const BEGUN_KEY = 'claims counted'
const keyOf = (device: KeyId): string => `claims brought ${device}`

export async function openClaimQuota(parts: {
  readonly state: KeyValue
  readonly devices: readonly KeyId[]
  readonly clock: Clock
  readonly log: Log
  /** Claims of one device a day. */
  readonly max?: number | undefined
}): Promise<ClaimQuota> {
  const { state, clock, log, max = CLAIMS_A_DAY_MAX } = parts
  const brought = new Map<KeyId, Brought>()
  const told = new Set<KeyId>()
  let hasBegun = (await state.get(BEGUN_KEY)) !== undefined
  let writing: Promise<void> = Promise.resolve()
  for (const device of parts.devices) {
    const text = await state.get(keyOf(device))
    if (text !== undefined) brought.set(device, JSON.parse(text) as Brought)
  }

  function write(key: string, value: string): void {
    writing = writing
      .then(() => state.batch([{ type: 'put', key, value }]))
      .catch((error: unknown) => log.warn('count of claims not written', { reason: String(error) }))
  }

  /** What a device has brought in the day that runs; a clock set back begins another one. */
  function ofToday(device: KeyId): Brought {
    const now = clock.now()
    const known = brought.get(device)
    const isToday = known && known.since <= now && now - known.since < DAY_MS
    return isToday ? known : { since: now, count: 0 }
  }

  return {
    isSpent(device) {
      const isSpent = hasBegun && ofToday(device).count >= max
      if (!isSpent) told.delete(device)
      else if (!told.has(device)) {
        told.add(device)
        log.warn('too many claims of one device in a day', { peer: device, claims: max })
      }
      return isSpent
    },
    note(device) {
      if (!hasBegun) return
      const { since, count } = ofToday(device)
      const next = { since, count: count + 1 }
      brought.set(device, next)
      if (next.count % WRITE_EVERY === 0) write(keyOf(device), JSON.stringify(next))
    },
    begin() {
      if (hasBegun) return
      hasBegun = true
      write(BEGUN_KEY, '')
    },
    async close() {
      for (const [device, counted] of brought) write(keyOf(device), JSON.stringify(counted))
      await writing
    },
  }
}
