import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import type { ClaimRow } from './claim-row.ts'
import type { Draft } from './draft.ts'
import { lastField } from './rows.ts'

/**
 * Which signed blobs count. A blob does when its signer is own and, if the key is revoked, when that very
 * blob is listed. All others might as well not be here: another device need not have them, and must
 * answer the same. So a twin that is not listed lends its name to nothing.
 */
export interface Membership {
  readonly rows: KeyValue
  readonly isOwn: (key: KeyId) => boolean
  readonly isRevoked: (key: KeyId) => boolean
  /** Whether a certificate or revocation that stands is about the permanode: it is a member whoever signed it. */
  readonly isNamed: (permanode: BlobRef) => boolean
}

/** Whether a blob signed by the key counts. */
export async function isMember(
  { rows, isOwn, isRevoked }: Membership,
  keyId: KeyId,
  ref: BlobRef,
): Promise<boolean> {
  if (!isOwn(keyId)) return false
  return !isRevoked(keyId) || (await rows.get(`listed|${keyId}|${ref}`)) !== undefined
}

/** Whether what the key signed under this identity acts. */
export async function isActing(from: Membership, keyId: KeyId, id: string): Promise<boolean> {
  if (!from.isOwn(keyId)) return false
  return !from.isRevoked(keyId) || (await stayingRef(from.rows, keyId, id)) !== undefined
}

/** The claim under the smallest of its blobs that count; undefined when it does not act. */
export async function actingClaim(
  { rows, isOwn, isRevoked }: Membership,
  claim: ClaimRow,
): Promise<ClaimRow | undefined> {
  if (!isOwn(claim.keyId)) return undefined
  if (!isRevoked(claim.keyId)) return claim
  const ref = await stayingRef(rows, claim.keyId, claim.id)
  return ref && { ...claim, ref }
}

async function stayingRef(rows: KeyValue, keyId: KeyId, id: string): Promise<BlobRef | undefined> {
  return (await rows.get(`stays|${keyId}|${id}`)) as BlobRef | undefined
}

/** The blobs that are one permanode, in order: the first stands for all. */
export async function membersOf(from: Membership, anchor: string): Promise<BlobRef[]> {
  const only = await from.rows.get(`anchor|${anchor}`)
  if (only === undefined) return []
  if (only !== SEVERAL) {
    const [ref, keyId] = only.split('|') as [BlobRef, KeyId]
    return (await isMember(from, keyId, ref)) ? [ref] : []
  }
  const members: BlobRef[] = []
  for await (const [key, keyId] of from.rows.scan(prefixRange(`anchor|${anchor}|`))) {
    const ref = lastField(key) as BlobRef
    if (await isMember(from, keyId as KeyId, ref)) members.push(ref)
  }
  return members
}

/** What the row of an anchor says where several blobs meet under it: each has a row of its own. */
const SEVERAL = ''

/** Notes a permanode blob under its anchor, whose row must be loaded. Answers whether it is the first there. */
export function noteAnchor(
  draft: Pick<Draft, 'get' | 'put'>,
  anchor: string,
  { ref, keyId }: { readonly ref: BlobRef; readonly keyId: KeyId },
): boolean {
  const known = draft.get(`anchor|${anchor}`)
  if (known === undefined) {
    draft.put(`anchor|${anchor}`, `${ref}|${keyId}`)
    return true
  }
  const others = known === SEVERAL ? [] : [known]
  for (const member of [...others, `${ref}|${keyId}`]) {
    const [other = '', signer = ''] = member.split('|')
    draft.put(`anchor|${anchor}|${other}`, signer)
  }
  draft.put(`anchor|${anchor}`, SEVERAL)
  return false
}

/** The blobs that count of those that a claim which stands in several stands in. */
export async function twinsOf(
  { rows, isRevoked }: Membership,
  { id, keyId }: { readonly id: string; readonly keyId: KeyId },
): Promise<BlobRef[]> {
  const found = await Array.fromAsync(rows.scan(prefixRange(`twin|${id}|`)))
  const refs = found.map(([key]) => lastField(key) as BlobRef)
  if (!isRevoked(keyId)) return refs
  const listed = await rows.getMany(refs.map(ref => `listed|${keyId}|${ref}`))
  return refs.filter((_, i) => listed[i] !== undefined)
}
