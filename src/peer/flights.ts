import { openListeners } from '../base/listeners.ts'
import type { BlobRef } from '../blob/ref.ts'

/** Which blobs are on their way, from whichever peer: so that none is sent by two. */
export interface Flights {
  /** Those of `refs` that nobody else is getting; they are the caller's until they land. */
  begin(refs: readonly BlobRef[]): BlobRef[]
  /** A blob is here, or this peer has not got it. */
  land(ref: BlobRef, isHere: boolean): void
  /** Calls back when a blob did not come that somebody else may have passed over meanwhile. */
  onMissed(listener: () => void): () => void
}

export function openFlights(): Flights {
  const flying = new Set<BlobRef>()
  const passedOver = new Set<BlobRef>()
  const missed = openListeners()
  return {
    begin(refs) {
      const mine: BlobRef[] = []
      for (const ref of refs) {
        if (flying.has(ref)) passedOver.add(ref)
        else mine.push(ref)
        flying.add(ref)
      }
      return mine
    },
    land(ref, isHere) {
      flying.delete(ref)
      if (passedOver.delete(ref) && !isHere) missed.tell()
    },
    onMissed: missed.add,
  }
}
