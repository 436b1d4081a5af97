import type { KeyValueOperation } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { MetaKind } from './queries.ts'
import { lastField } from './rows.ts'

/** A blob that came into one of the sets that two devices compare, or went. */
export interface MemberChange {
  readonly set: MetaKind
  readonly ref: BlobRef
  readonly isMember: boolean
}

const SETS: readonly (readonly [prefix: string, set: MetaKind])[] = [
  ['meta|c|', 'claims'],
  ['meta|s|', 'schema'],
]

/** What a batch does to the sets. */
export function memberChanges(operations: readonly KeyValueOperation[]): MemberChange[] {
  const changes: MemberChange[] = []
  for (const { type, key } of operations) {
    const set = SETS.find(([prefix]) => key.startsWith(prefix))?.[1]
    if (set) changes.push({ set, ref: lastField(key) as BlobRef, isMember: type === 'put' })
  }
  return changes
}
