import type { KeyValueOperation } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { MemberChange, MetaKind } from './queries.ts'
import { MEMBER_PREFIXES, lastField } from './rows.ts'

const SETS = Object.entries(MEMBER_PREFIXES) as [set: MetaKind, prefix: string][]

/** What a batch does to the sets. */
export function memberChanges(operations: readonly KeyValueOperation[]): MemberChange[] {
  const changes: MemberChange[] = []
  for (const { type, key } of operations) {
    if (!key.startsWith('meta|')) continue
    const set = SETS.find(([, prefix]) => key.startsWith(prefix))?.[0]
    if (set) changes.push({ set, ref: lastField(key) as BlobRef, isMember: type === 'put' })
  }
  return changes
}

/**
 * The epoch behind a batch: another one when members went, or came otherwise than from the log. So the
 * members at a position of one epoch are those at an earlier position of it, and what the log brought since.
 */
export function epochAfter(
  epoch: string,
  operations: readonly KeyValueOperation[],
  changes: readonly MemberChange[],
): string {
  const isFromLog = operations.some(({ key }) => key === 'position')
  if (changes.every(({ isMember }) => isMember && isFromLog)) return epoch
  const [begun, count] = epoch.split('.')
  return `${begun}.${Number(count) + 1}`
}

/** The first epoch of rows that begin now. */
export function firstEpoch(nowMs: number): string {
  return `${nowMs}.0`
}
