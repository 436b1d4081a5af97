import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import { type Draft, openDraft } from './draft.ts'
import { MOVE_ALL, letterOf, moveTo } from './letters.ts'
import { noteSet, readRevoked, signedOf } from './listing.ts'
import type { Membership } from './members.ts'
import type { FoldedTrust } from './trust-fold.ts'

/**
 * The batch that moves trust to other keys. What they signed gets other letters, what they touched is
 * folded anew, new manifests are read, and where one counts no more, all of its key are.
 */
export async function draftOfTrust(
  next: Membership,
  { roles, revoked, named }: FoldedTrust,
): Promise<Draft | undefined> {
  const { rows } = next
  const own = new Set(JSON.parse((await rows.get('own')) ?? '[]') as KeyId[])
  const changed = own.symmetricDifference(new Set(roles.keys()))
  const revokedBefore = await readRevoked(rows)
  const draft = openDraft(rows)
  await draft.load(['own', 'revoked', 'named'])
  for (const keyId of new Set([...revokedBefore.keys(), ...revoked.keys()])) {
    if (revokedBefore.has(keyId) !== revoked.has(keyId)) changed.add(keyId)
    const before = new Set(revokedBefore.get(keyId))
    const now = new Set(revoked.get(keyId))
    for (const manifest of now.difference(before)) noteSet(draft, keyId, manifest)
    if (!before.isSubsetOf(now)) draft.put(`todo|relist|${keyId}`, '')
  }
  await draft.load([...changed].map(keyId => `todo|move|${keyId}`))
  for (const keyId of changed) {
    draft.put(`todo|trust|${keyId}`, '')
    const isMoving = draft.get(`todo|move|${keyId}`) !== undefined
    draft.put(`todo|move|${keyId}`, !isMoving && isNew(keyId) ? MOVE_FOREIGN : MOVE_ALL)
  }
  await moveNamed(next, draft, named)
  draft.put('named', JSON.stringify([...named].sort()))
  draft.put('own', JSON.stringify([...roles.keys()].sort()))
  draft.put('revoked', JSON.stringify([...revoked].sort(([a], [b]) => (a < b ? -1 : 1))))
  return draft.operations().length === 0 ? undefined : draft

  function isNew(keyId: KeyId): boolean {
    return !own.has(keyId)
  }
}

/** Gives the permanodes that claims of trust are about, or were, the letters that they have now. */
async function moveNamed(
  next: Membership,
  draft: Draft,
  named: ReadonlySet<BlobRef>,
): Promise<void> {
  const before = new Set(JSON.parse(draft.get('named') ?? '[]') as BlobRef[])
  for (const meta of await signedOf(draft, [...before.symmetricDifference(named)])) {
    const { ref, signed } = meta
    const listed = await next.rows.get(`listed|${signed.keyId}|${ref}`)
    const isListed = next.isRevoked(signed.keyId) && listed !== undefined
    moveTo(draft, meta, letterOf(next, { keyId: signed.keyId, ref }, isListed))
  }
}

/** Of a key that was nobody's there is nothing under the other letters. */
const MOVE_FOREIGN = 'fl'
