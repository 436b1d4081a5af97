import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Door } from '../blob/receive.ts'
import type { Index } from '../index/queries.ts'
import { makeClaim, makeFacts, makePermanode } from '../schema/claims.ts'
import { FUTURE_LIMIT_MS, isDue, nextClaimDate } from '../schema/hybrid-clock.ts'
import type { ClaimBody, FileFacts, Nanoseconds } from '../schema/schema-blob.ts'
import type { Signer } from '../schema/signer.ts'
import type { OtherClock } from './network.ts'

/**
 * Signs with this device's key, and stores. Each method resolves when what it signed is durable and the index
 * answers with it. Dates rise strictly, and are later than every due claim this device has seen. Each rejects with
 * `REFUSED` while this device's clock is off.
 */
export interface ClaimWriter {
  /** Why all would be refused at the moment; undefined when nothing would. */
  refusal(): string | undefined
  /** Throws `REFUSED` while the clock is off. */
  requireClock(): void
  /** The same writer, whatever the clock. */
  readonly despiteClock: ClaimWriter
  /** Signs a claim. With `date` (a file's time, say) it bears that one instead of the next. */
  sign(claim: ClaimBody, date?: Nanoseconds): Promise<BlobRef>
  randomPermanode(): Promise<BlobRef>
  /** The planned permanode of this key: the one that own devices know, else a new one. */
  plannedPermanode(key: string, date?: Nanoseconds): Promise<BlobRef>
  /** Signs and stores facts, in as many blobs as they need. */
  facts(facts: readonly FileFacts[]): Promise<void>
}

/** What acts nowhere else for so long, or would be beaten by what was signed so long before. */
const CLOCK_DIFFERENCE_MAX_MS = FUTURE_LIMIT_MS

interface ClaimWriterParts {
  readonly signer: Signer
  readonly door: Door
  /** The index of the moment. */
  readonly index: () => Pick<Index, 'catchUp' | 'latestClaimDate' | 'plannedPermanode'>
  readonly clock: Clock
  readonly random: Random
  /** The other device's clock that counts against this one's; undefined while there is none. */
  readonly nearestClock: () => OtherClock | undefined
  /** Told of each blob that was signed and stored. */
  readonly onSigned: (bytes: Uint8Array) => void
}

export function openClaimWriter(parts: ClaimWriterParts): ClaimWriter {
  const { signer, door, index, clock, random, onSigned } = parts
  let last: Nanoseconds = 0n

  async function nextDate(): Promise<Nanoseconds> {
    // What was seen by a clock that has been set right meanwhile is not due any more, and no date to come after.
    await index().catchUp()
    const seen = await index().latestClaimDate()
    const now = clock.now()
    const date = nextClaimDate(last > seen && isDue(last, now) ? last : seen, now)
    last = date
    return date
  }

  async function store(bytes: Uint8Array): Promise<BlobRef> {
    const { ref } = await door.receive(bytes)
    onSigned(bytes)
    await index().catchUp()
    return ref
  }

  function writerThat(refusal: () => string | undefined): Omit<ClaimWriter, 'despiteClock'> {
    const requireClock = (): void => {
      const reason = refusal()
      if (reason !== undefined) throw new PeerkeepError('REFUSED', reason)
    }
    return {
      refusal,
      requireClock,
      async sign(claim, date) {
        requireClock()
        return store(makeClaim(claim, signer, date ?? (await nextDate())))
      },
      async randomPermanode() {
        requireClock()
        return store(makePermanode({ random: random.bytes(20) }, signer, await nextDate()))
      },
      async plannedPermanode(key, date) {
        await index().catchUp()
        const known = await index().plannedPermanode(key)
        if (known) return known
        requireClock()
        return store(makePermanode({ key }, signer, date ?? (await nextDate())))
      },
      async facts(facts) {
        if (facts.length === 0) return
        requireClock()
        for (const bytes of makeFacts(facts, signer, await nextDate())) await door.receive(bytes)
      },
    }
  }

  const forced = writerThat(() => undefined)
  const despiteClock: ClaimWriter = {
    ...forced,
    get despiteClock() {
      return despiteClock
    },
  }
  return { ...writerThat(() => clockRefusal(clock, parts.nearestClock())), despiteClock }
}

/**
 * A clock that no other device agrees with may be the only right one, but nobody can tell; and what is signed by a
 * wrong one stands before or behind what was meant to be changed.
 */
function clockRefusal(clock: Clock, other: OtherClock | undefined): string | undefined {
  if (!other || Math.abs(other.leadMs) <= CLOCK_DIFFERENCE_MAX_MS) return undefined
  const timeOf = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
  const here = timeOf(clock.now())
  const there = timeOf(clock.now() - other.leadMs)
  return `it is ${here} UTC by the clock of this device, but ${there} by that of ${other.device}, and no other one connected is nearer, so nothing is signed here. Set the clock that is wrong, or use --force.`
}
