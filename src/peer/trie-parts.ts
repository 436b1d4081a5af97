import type { BlobRef } from '../blob/ref.ts'
import type { KeyedId } from './keyed-id.ts'
import { type MemberPool, openMemberPool } from './member-pool.ts'
import { openTrieNodes, type TrieNodes } from './trie-nodes.ts'

/** What a trie consists of, for those who change it and those who store it. */
export interface TrieParts {
  readonly nodes: TrieNodes
  readonly pool: MemberPool
  readonly idOf: (ref: BlobRef) => KeyedId
  /** The leaf that was looked at last: a comparison asks one leaf several things, and each ref costs a hash. */
  lastLeaf: { readonly leaf: number; readonly members: readonly Member[] } | undefined
}

export interface Member {
  readonly ref: BlobRef
  readonly id: KeyedId
}

export function emptyTrieParts(idOf: TrieParts['idOf']): TrieParts {
  return { nodes: openTrieNodes(), pool: openMemberPool(), idOf, lastLeaf: undefined }
}
