import type { BlobRef } from '../blob/ref.ts'
import type { Index } from '../index/queries.ts'

/** Tells the index of data blobs that came in, many at a time. */
export interface Arrivals {
  add(ref: BlobRef): void
  /** Resolves when the index knows of everything added. */
  settled(): Promise<void>
}

/** Refs told at a time. */
const BATCH_REFS = 1000

export function openArrivals(index: () => Index): Arrivals {
  let waiting: BlobRef[] = []
  let telling: Promise<void> | undefined

  async function tellAll(): Promise<void> {
    // Whoever arrives in this turn of the event loop is told in one batch.
    await Promise.resolve()
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH_REFS)
      await index().arrived(batch)
    }
    telling = undefined
  }

  return {
    add(ref) {
      waiting.push(ref)
      // A row that stays behind is dropped when the blob is looked for.
      telling ??= tellAll().catch(() => {
        waiting = []
        telling = undefined
      })
    },
    async settled() {
      await telling
    },
  }
}
