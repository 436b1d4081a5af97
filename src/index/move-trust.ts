import type { KeyValue } from '../base/key-value.ts'
import type { KeyId } from '../schema/signer.ts'
import { type Draft, openDraft } from './draft.ts'
import { MOVE_ALL } from './letters.ts'
import { noteSet, readRevoked } from './listing.ts'
import type { FoldedTrust } from './trust-fold.ts'

/**
 * The batch that moves trust to other keys. What they signed gets other letters, what they touched is
 * folded anew, new manifests are read, and where one counts no more, all of its key are.
 */
export async function draftOfTrust(
  rows: KeyValue,
  { roles, revoked }: FoldedTrust,
): Promise<Draft | undefined> {
  const own = new Set(JSON.parse((await rows.get('own')) ?? '[]') as KeyId[])
  const changed = own.symmetricDifference(new Set(roles.keys()))
  const revokedBefore = await readRevoked(rows)
  const draft = openDraft(rows)
  await draft.load(['own', 'revoked'])
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
  draft.put('own', JSON.stringify([...roles.keys()].sort()))
  draft.put('revoked', JSON.stringify([...revoked].sort(([a], [b]) => (a < b ? -1 : 1))))
  return draft.operations().length === 0 ? undefined : draft

  function isNew(keyId: KeyId): boolean {
    return !own.has(keyId)
  }
}

/** Of a key that was nobody's there is nothing under the other letters. */
const MOVE_FOREIGN = 'fl'
