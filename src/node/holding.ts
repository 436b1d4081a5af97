import type { BlobRef } from '../blob/ref.ts'
import type { BlobStore } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'

/** Blobs looked up at a time: enough to share the cost, little enough to hold in memory. */
const LOOKUP_BATCH = 500

/**
 * Whether everything that a snapshot reaches is here: walks the schema below it, each ref once, and
 * looks every blob up in the store.
 */
export async function holdsSnapshot(
  parts: { readonly index: Index; readonly store: BlobStore },
  snapshot: BlobRef,
): Promise<boolean> {
  const seen = new Set<BlobRef>([snapshot])
  let level: BlobRef[] = [snapshot]
  while (level.length > 0) {
    const batch = level.splice(-LOOKUP_BATCH)
    const sizes = await parts.store.stat(batch)
    if (sizes.includes(undefined)) return false
    for await (const needed of parts.index.edgesFrom(batch)) {
      if (seen.has(needed)) continue
      seen.add(needed)
      level.push(needed)
    }
  }
  return true
}
