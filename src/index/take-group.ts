import type { KeyValue } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { LogPosition } from '../blob/store.ts'
import { readCounts, writeCounts } from './counts.ts'
import { type Draft, openDraft } from './draft.ts'
import type { Ground } from './evaluate.ts'
import { type Stat, absentOf, noteArrived, noteMissing, restoreMeta } from './missing.ts'
import type { ReadBlob } from './read-blob.ts'
import { readMeta } from './rows.ts'
import { openStateUpdates } from './state-updates.ts'
import { type Taking, needsOf, rowsToLoad, takeBlob } from './take.ts'

/** What groups of blobs are taken into rows with. */
export interface GroupParts {
  readonly rows: KeyValue
  readonly stat: Stat
  readonly isOwn: Ground['isOwn']
  /** Permanodes of devices: what changes them may change names. */
  readonly isDevicePermanode: (ref: BlobRef) => boolean
  /** Dates up to this one are due. */
  readonly dueUntil: string
}

/**
 * The batch that a group of blobs makes, the log position behind it included. Blobs that are known are
 * passed over, but those that waited for a key are looked at again.
 */
export async function draftOfGroup(
  parts: GroupParts,
  blobs: readonly ReadBlob[],
  position?: LogPosition,
): Promise<{ draft: Draft; isTrustTouched: boolean }> {
  const draft = openDraft(parts.rows)
  const fresh = await chooseFresh(draft, blobs)
  await draft.load(fresh.flatMap(rowsToLoad))
  const counts = readCounts(draft)
  const { isOwn, dueUntil, isDevicePermanode } = parts
  const updates = openStateUpdates(draft, isDevicePermanode)
  const taking: Taking = { draft, isOwn, dueUntil, counts, updates, isTrustTouched: false }
  for (const blob of fresh) {
    stopWaiting(taking, blob)
    takeBlob(taking, blob)
  }
  updates.write()
  await noteNeeds(parts, taking, fresh)
  writeCounts(draft, counts)
  if (position !== undefined) draft.put('position', position)
  return { draft, isTrustTouched: taking.isTrustTouched }
}

/** The blobs to be taken; the rest is known. */
async function chooseFresh(draft: Draft, blobs: readonly ReadBlob[]): Promise<ReadBlob[]> {
  const rows = ['meta|c', 'meta|s', 'meta|l', 'missing']
  await draft.load(['counts', ...blobs.flatMap(({ ref }) => rows.map(row => `${row}|${ref}`))])
  const counts = readCounts(draft)
  const fresh = new Map<BlobRef, ReadBlob>()
  for (const blob of blobs) {
    const { ref } = blob
    noteArrived(draft, counts, ref)
    restoreMeta(draft, counts, ref)
    const acting = draft.get(`meta|c|${ref}`)
    const isKnown =
      (acting !== undefined && !isWaiting(acting)) || draft.get(`meta|s|${ref}`) !== undefined
    if (!isKnown) fresh.set(ref, blob)
  }
  writeCounts(draft, counts)
  return [...fresh.values()]
}

function isWaiting(metaText: string): boolean {
  const { type, signed } = readMeta(metaText)
  return signed === undefined && type !== 'key'
}

/** Takes back what was noted while the blob waited for its key, if it did. */
function stopWaiting({ draft, counts }: Taking, blob: ReadBlob): void {
  const { ref } = blob
  const signer = signerOf(blob)
  if (signer === undefined || draft.get(`meta|c|${ref}`) === undefined) return
  counts.metaBlobs -= 1
  draft.delete(`meta|c|${ref}`)
  draft.delete(`wait|${signer}|${ref}`)
  draft.delete(`back|${signer}|${ref}`)
}

function signerOf(blob: ReadBlob): BlobRef | undefined {
  if (blob.kind === 'inert') return blob.signer
  return blob.kind === 'signed' || blob.kind === 'waiting' ? blob.schema.signer : undefined
}

async function noteNeeds(
  parts: GroupParts,
  { draft, counts }: Taking,
  blobs: readonly ReadBlob[],
): Promise<void> {
  const needers = new Map<BlobRef, BlobRef>()
  for (const blob of blobs) {
    for (const needed of needsOf(blob)) {
      const by = needers.get(needed)
      if (by === undefined || blob.ref < by) needers.set(needed, blob.ref)
    }
  }
  const absent = await absentOf(parts.stat, [...needers.keys()])
  await draft.load(absent.map(ref => `missing|${ref}`))
  for (const needed of absent) {
    const by = needers.get(needed)
    if (by !== undefined) noteMissing(draft, counts, { needed, by })
  }
}
