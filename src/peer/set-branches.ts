import { elementOf, POSITION_DIGITS } from './keyed-id.ts'
import { LEAF_MEMBERS_MAX } from './limits.ts'
import type { Branch } from './reconcile-messages.ts'
import type { SetView } from './set-trie.ts'
import type { Member } from './trie-parts.ts'

/** What a reconciliation looks at of a set, on both sides alike. */
export const hexDigits: readonly string[] = '0123456789abcdef'.split('')

/** Whether the members of a prefix fit one answer. At the full depth there is nowhere else to go. */
export function isLeaf(set: SetView, prefix: string): boolean {
  return set.count(prefix) <= LEAF_MEMBERS_MAX || prefix.length >= POSITION_DIGITS
}

/** The members of a leaf. More than fit could only be at the full depth, where 64 digits' worth of chance agree. */
export function leafMembers(set: SetView, prefix: string): readonly Member[] {
  return set.members(prefix).take(LEAF_MEMBERS_MAX).toArray()
}

export function areEqual(one: Branch | undefined, other: Branch | undefined): boolean {
  return one?.fingerprint === other?.fingerprint && one?.count === other?.count
}

export function sumOf(members: readonly Member[]): bigint {
  return members.reduce((sum, { id }) => sum + elementOf(id), 0n)
}

export function shortFingerprint(set: SetView, prefix: string): bigint {
  return BigInt.asUintN(64, set.fingerprint(prefix))
}
