import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Door } from '../blob/receive.ts'
import type { Index } from '../index/queries.ts'
import { makeClaim, makeFacts, makePermanode } from '../schema/claims.ts'
import { isDue, nextClaimDate } from '../schema/hybrid-clock.ts'
import type { ClaimBody, FileFacts, Nanoseconds } from '../schema/schema-blob.ts'
import type { Signer } from '../schema/signer.ts'

/**
 * Signs with this device's key, and stores. Each method resolves when what it signed is durable and the index
 * answers with it. Dates rise strictly, and are later than every due claim this device has seen.
 */
export interface ClaimWriter {
  /** Signs a claim. With `date` (a file's time, say) it bears that one instead of the next. */
  sign(claim: ClaimBody, date?: Nanoseconds): Promise<BlobRef>
  randomPermanode(): Promise<BlobRef>
  /** The planned permanode of this key: the one that own devices know, else a new one. */
  plannedPermanode(key: string, date?: Nanoseconds): Promise<BlobRef>
  /** Signs and stores facts, in as many blobs as they need. */
  facts(facts: readonly FileFacts[]): Promise<void>
}

interface ClaimWriterParts {
  readonly signer: Signer
  readonly door: Door
  /** The index of the moment. */
  readonly index: () => Index
  readonly clock: Clock
  readonly random: Random
  /** Told of each blob that was signed and stored. */
  readonly onSigned: (bytes: Uint8Array) => void
}

export function openClaimWriter({
  signer,
  door,
  index,
  clock,
  random,
  onSigned,
}: ClaimWriterParts): ClaimWriter {
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

  return {
    async sign(claim, date) {
      return store(makeClaim(claim, signer, date ?? (await nextDate())))
    },
    async randomPermanode() {
      return store(makePermanode({ random: random.bytes(20) }, signer, await nextDate()))
    },
    async plannedPermanode(key, date) {
      await index().catchUp()
      const known = await index().plannedPermanode(key)
      return known ?? store(makePermanode({ key }, signer, date ?? (await nextDate())))
    },
    async facts(facts) {
      if (facts.length === 0) return
      for (const bytes of makeFacts(facts, signer, await nextDate())) await door.receive(bytes)
    },
  }
}
