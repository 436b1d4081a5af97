import type { BlobRef } from '../blob/ref.ts'
import type { LogPosition } from '../blob/store.ts'
import type { KeyId } from '../schema/signer.ts'
import { readCounts, writeCounts } from './counts.ts'
import { type Draft, openDraft } from './draft.ts'
import { letterOf } from './letters.ts'
import { noteSetCame } from './listing.ts'
import type { Membership } from './members.ts'
import { type Stat, absentOf, noteArrived, noteMissing, restoreMeta } from './missing.ts'
import type { ReadBlob } from './read-blob.ts'
import { readMeta } from './rows.ts'
import { firstRow } from './settle.ts'
import { openStateUpdates } from './state-updates.ts'
import { type Taking, needsOf, rowsToLoad, takeBlob } from './take.ts'

/** What groups of blobs are taken into rows with. */
export interface GroupParts extends Membership {
  readonly stat: Stat
  /** All keys that are revoked. */
  readonly revoked: readonly KeyId[]
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
  const { isOwn, isRevoked, isNamed, dueUntil, isDevicePermanode } = parts
  await draft.load(['counts'])
  const empty = await emptyPrefixes(parts, draft)
  const fresh = await chooseFresh(parts, { draft, empty }, blobs)
  await draft.load(
    fresh.flatMap(blob => rowsToLoad(blob, isRevoked)),
    empty,
  )
  const counts = readCounts(draft)
  const updates = openStateUpdates(draft, isDevicePermanode)
  const taking: Taking = {
    draft,
    isOwn,
    isRevoked,
    isNamed,
    dueUntil,
    counts,
    updates,
    isTrustTouched: false,
  }
  for (const blob of fresh) {
    stopWaiting(taking, blob)
    takeBlob(taking, blob)
  }
  updates.write()
  await noteSets(parts.revoked, draft, blobs)
  await noteNeeds(parts, taking, fresh)
  writeCounts(draft, counts)
  if (position !== undefined) draft.put('position', position)
  return { draft, isTrustTouched: taking.isTrustTouched }
}

/** Of the rows that most blobs have none of, those that no blob has: a look-up for each blob is most of its cost. */
async function emptyPrefixes({ rows }: GroupParts, draft: Draft): Promise<string[]> {
  const empty = readCounts(draft).missing === 0 ? ['missing|'] : []
  for (const prefix of ['meta|l|', 'aimed|', 'awaits|', 'early|', 'dirty|'])
    if ((await firstRow(rows, prefix)) === undefined) empty.push(prefix)
  return empty
}

/** The blobs to be taken; the rest is known. */
async function chooseFresh(
  parts: GroupParts,
  { draft, empty }: { readonly draft: Draft; readonly empty: readonly string[] },
  blobs: readonly ReadBlob[],
): Promise<readonly ReadBlob[]> {
  const hasDisputed = await mayBeDisputed(parts)
  await draft.load(
    blobs.flatMap(blob => rowsOfBlob(blob, hasDisputed)),
    empty,
  )
  await draft.load(blobs.flatMap(blob => rowOfListed(parts, draft, blob)))
  const counts = readCounts(draft)
  const fresh = new Map<BlobRef, ReadBlob>()
  for (const blob of blobs) {
    const { ref } = blob
    noteArrived(draft, counts, ref)
    const letter = letterOfLost(parts, draft, blob)
    restoreMeta(draft, counts, { ref, letter })
    if (!isKnown(draft, blob, hasDisputed)) fresh.set(ref, blob)
  }
  writeCounts(draft, counts)
  return [...fresh.values()]
}

/** A key that is no longer revoked leaves rows that are still to be moved. */
async function mayBeDisputed({ rows, revoked }: GroupParts): Promise<boolean> {
  return revoked.length > 0 || (await firstRow(rows, 'meta|d|')) !== undefined
}

function rowsOfBlob(blob: ReadBlob, hasDisputed: boolean): string[] {
  const letters = [...lettersOfBlob(blob, hasDisputed), 'l']
  return [`missing|${blob.ref}`, ...letters.map(letter => `meta|${letter}|${blob.ref}`)]
}

/** Under what a blob may be known that is here. What waits for its key may have come to be of any sort. */
function lettersOfBlob(blob: ReadBlob, hasDisputed: boolean): readonly string[] {
  switch (blob.kind) {
    case 'key':
      return ['c']
    case 'schema':
      return ['s']
    case 'inert':
      return blob.signer === undefined ? ['s'] : ['s', 'f']
    case 'waiting':
      return ['f']
    case 'signed':
      return hasDisputed ? ['c', 'f', 'd'] : ['c', 'f']
  }
}

function isKnown(draft: Draft, blob: ReadBlob, hasDisputed: boolean): boolean {
  return lettersOfBlob(blob, hasDisputed).some(letter => {
    const text = draft.get(`meta|${letter}|${blob.ref}`)
    return text !== undefined && !(letter === 'f' && isWaiting(text))
  })
}

/** What tells the letter of a signed blob that was lost. */
function rowOfListed(
  { isRevoked }: GroupParts,
  draft: Draft,
  { ref, ...blob }: ReadBlob,
): string[] {
  const isAsked =
    blob.kind === 'signed' && isRevoked(blob.keyId) && draft.get(`meta|l|${ref}`) !== undefined
  return isAsked ? [`listed|${blob.keyId}|${ref}`] : []
}

/** The letter of a blob that was lost and is signed: trust may be about to move it. */
function letterOfLost(parts: GroupParts, draft: Draft, blob: ReadBlob): string | undefined {
  const text = draft.get(`meta|l|${blob.ref}`)
  if (text === undefined || blob.kind !== 'signed' || isWaiting(text.slice(1))) return undefined
  const isListed =
    parts.isRevoked(blob.keyId) && draft.get(`listed|${blob.keyId}|${blob.ref}`) !== undefined
  return letterOf(parts, blob, isListed)
}

/** Has the sets read that manifests of revocations wait for; those that are known too: one may have been damaged. */
async function noteSets(
  revoked: readonly KeyId[],
  draft: Draft,
  blobs: readonly ReadBlob[],
): Promise<void> {
  if (revoked.length === 0) return
  const sets = blobs.filter(blob => blob.kind === 'schema' && blob.schema.type === 'static-set')
  await draft.load(sets.flatMap(({ ref }) => revoked.map(keyId => `set|${keyId}|${ref}`)))
  for (const { ref } of sets) noteSetCame(draft, revoked, ref)
}

function isWaiting(metaText: string): boolean {
  const { type, signed } = readMeta(metaText)
  return signed === undefined && type !== 'key'
}

/** Takes back what was noted while the blob waited for its key, if it did. */
function stopWaiting({ draft, counts }: Taking, blob: ReadBlob): void {
  const { ref } = blob
  const signer = signerOf(blob)
  if (signer === undefined || draft.get(`meta|f|${ref}`) === undefined) return
  counts.metaBlobs -= 1
  draft.delete(`meta|f|${ref}`)
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
