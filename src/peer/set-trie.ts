import type { BlobRef } from '../blob/ref.ts'
import type { Branches } from './reconcile-messages.ts'
import { digitAt, elementOf, type KeyedId, keyedIds, POSITION_DIGITS, tagOf } from './keyed-id.ts'
import { LEAF_MEMBERS_MAX, LEAF_MEMBERS_MIN } from './limits.ts'
import { decodeTrie, encodeTrie } from './trie-checkpoint.ts'
import { chainFrom, membersBeneath, membersOfLeaf, membersThatSumTo } from './trie-members.ts'
import { ROOT, type TrieNodes } from './trie-nodes.ts'
import { emptyTrieParts, type Member, type TrieParts } from './trie-parts.ts'

/**
 * A set of refs that tells cheaply how it differs from another one. Each ref lies where its keyed id says (16 hex
 * digits), so every branch is as full as its neighbours whoever chose the blobs. Any prefix of a position has a count
 * and a fingerprint, the sum of its members' elements: two sets with one key have the same one where they have the
 * same members, in whatever order these came and went. Prefixes are lower-case hex, '' stands for everything.
 */
export interface SetTrie extends SetView {
  /** False for a ref that is a member already. */
  insert(ref: BlobRef): boolean
  /** False for a ref that is no member. */
  delete(ref: BlobRef): boolean
  /** A checkpoint of about 34 bytes a member, for `decodeSetTrie`. */
  encode(): Uint8Array
}

/** A trie for one who only looks. */
export interface SetView {
  readonly size: number
  /** 16 hex digits that are the same on two sides with one key. */
  readonly keyCheck: string
  has(ref: BlobRef): boolean
  count(prefix: string): number
  fingerprint(prefix: string): bigint
  /** What the 16 branches of a prefix look like; undefined for those without members. */
  branches(prefix: string): Branches
  /** The members of a prefix in the order of their ids. The set must not change before the last is read. */
  members(prefix: string): Generator<Member>
  /**
   * One or two members of a prefix, in the order of their ids, whose elements add up to a sum of 64 bits; undefined
   * where there are none. For prefixes of few members.
   */
  membersThatSumTo(prefix: string, sum: bigint): readonly Member[] | undefined
  idOf(ref: BlobRef): KeyedId
}

interface Place {
  /** From the root down to the leaf. */
  readonly path: readonly number[]
  readonly leaf: number
}

/** An empty set; `key` has 32 bytes, and both sides of a comparison have the same. */
export function openSetTrie(key: Uint8Array): SetTrie {
  return trieOf(key, emptyTrieParts(keyedIds(key).idOf))
}

/** The set that `encode` wrote with this key; undefined for anything else: then it is built anew. */
export function decodeSetTrie(key: Uint8Array, bytes: Uint8Array): SetTrie | undefined {
  const parts = emptyTrieParts(keyedIds(key).idOf)
  return decodeTrie(key, bytes, parts) ? trieOf(key, parts) : undefined
}

/** A set of all refs of a listing; a ref that comes twice counts once. */
export async function buildSetTrie(
  key: Uint8Array,
  refs: AsyncIterable<BlobRef> | Iterable<BlobRef>,
): Promise<SetTrie> {
  const trie = openSetTrie(key)
  for await (const ref of refs) trie.insert(ref)
  return trie
}

function trieOf(key: Uint8Array, parts: TrieParts): SetTrie {
  const { nodes, pool, idOf } = parts
  const { keyCheck } = keyedIds(key)
  return {
    get size() {
      return nodes.countOf(ROOT)
    },
    keyCheck,
    idOf,
    has(ref) {
      const id = idOf(ref)
      return pool.find(nodes.chainOf(placeOf(nodes, id).leaf), ref, tagOf(id)).slot !== 0
    },
    insert: ref => insert(parts, ref),
    delete: ref => remove(parts, ref),
    encode: () => encodeTrie(key, parts),
    count(prefix) {
      const node = nodeOf(nodes, prefix)
      if (node !== undefined) return nodes.countOf(node)
      return membersOf(parts, prefix).length
    },
    fingerprint(prefix) {
      const node = nodeOf(nodes, prefix)
      if (node !== undefined) return nodes.sumOf(node)
      const sum = membersOf(parts, prefix).reduce((total, { id }) => total + elementOf(id), 0n)
      return BigInt.asUintN(128, sum)
    },
    branches(prefix) {
      const node = nodeOf(nodes, prefix)
      if (node === undefined || nodes.isLeaf(node))
        return branchesOfMembers(membersOf(parts, prefix), prefix.length)
      const first = nodes.childrenOf(node)
      return Array.from({ length: 16 }, (_, digit) => nodes.branchOf(first + digit))
    },
    *members(prefix) {
      const node = nodeOf(nodes, prefix)
      if (node === undefined) yield* membersOf(parts, prefix)
      else yield* membersBeneath(parts, node)
    },
    membersThatSumTo(prefix, sum) {
      const node = nodeOf(nodes, prefix) ?? placeOf(nodes, prefix as KeyedId).leaf
      const found = membersThatSumTo(parts, node, sum)
      return found?.every(({ id }) => id.startsWith(prefix)) ? found : undefined
    },
  }
}

function placeOf(nodes: TrieNodes, id: KeyedId): Place {
  const path: number[] = [ROOT]
  let leaf = ROOT
  for (let depth = 0; !nodes.isLeaf(leaf); depth += 1) {
    leaf = nodes.childrenOf(leaf) + digitAt(id, depth)
    path.push(leaf)
  }
  return { path, leaf }
}

/** The node of a prefix; undefined for one that lies below a leaf. */
function nodeOf(nodes: TrieNodes, prefix: string): number | undefined {
  let node = ROOT
  for (let depth = 0; depth < prefix.length; depth += 1) {
    if (nodes.isLeaf(node)) return undefined
    node = nodes.childrenOf(node) + digitAt(prefix, depth)
  }
  return node
}

function insert(parts: TrieParts, ref: BlobRef): boolean {
  const { nodes, pool, idOf } = parts
  const id = idOf(ref)
  const { path, leaf } = placeOf(nodes, id)
  const head = nodes.chainOf(leaf)
  const tag = tagOf(id)
  if (pool.find(head, ref, tag).slot !== 0) return false
  nodes.add(path, id)
  nodes.setChain(leaf, pool.push(ref, tag, head))
  split(parts, leaf, path.length - 1)
  parts.lastLeaf = undefined
  return true
}

function remove(parts: TrieParts, ref: BlobRef): boolean {
  const { nodes, pool, idOf } = parts
  const id = idOf(ref)
  const { path, leaf } = placeOf(nodes, id)
  const { slot, before } = pool.find(nodes.chainOf(leaf), ref, tagOf(id))
  if (slot === 0) return false
  if (before === 0) nodes.setChain(leaf, pool.nextOf(slot))
  else pool.setNext(before, pool.nextOf(slot))
  pool.release(slot)
  nodes.subtract(path, id)
  for (const node of path.toReversed().slice(1)) join(parts, node)
  parts.lastLeaf = undefined
  return true
}

function split(parts: TrieParts, leaf: number, depth: number): void {
  const { nodes, pool, idOf } = parts
  if (nodes.countOf(leaf) <= LEAF_MEMBERS_MAX || depth >= POSITION_DIGITS) return
  const slots = chainFrom(pool, nodes.chainOf(leaf))
  const first = nodes.split(leaf)
  for (const slot of slots) {
    const id = idOf(pool.refAt(slot))
    const child = first + digitAt(id, depth)
    nodes.add([child], id)
    pool.setNext(slot, nodes.chainOf(child))
    nodes.setChain(child, slot)
  }
  for (let child = first; child < first + 16; child += 1) split(parts, child, depth + 1)
}

/** Makes a node that has become almost empty a leaf; its children are leaves, for each has even less. */
function join({ nodes, pool }: TrieParts, node: number): void {
  if (nodes.countOf(node) > LEAF_MEMBERS_MIN) return
  const first = nodes.childrenOf(node)
  let head = 0
  for (let child = first; child < first + 16; child += 1) {
    for (const slot of chainFrom(pool, nodes.chainOf(child))) {
      pool.setNext(slot, head)
      head = slot
    }
  }
  nodes.merge(node)
  nodes.setChain(node, head)
}

function branchesOfMembers(members: readonly Member[], depth: number): Branches {
  const sums = Array.from({ length: 16 }, () => ({ fingerprint: 0n, count: 0 }))
  for (const { id } of members) {
    const sum = sums[digitAt(id, depth)]
    if (!sum) continue
    sum.fingerprint = BigInt.asUintN(64, sum.fingerprint + elementOf(id))
    sum.count += 1
  }
  return sums.map(({ fingerprint, count }) =>
    count === 0 ? undefined : { fingerprint, count: count & 0xff },
  )
}

/** The members of a prefix that lies below a leaf. */
function membersOf(parts: TrieParts, prefix: string): Member[] {
  const { leaf } = placeOf(parts.nodes, prefix as KeyedId)
  return membersOfLeaf(parts, leaf).filter(({ id }) => id.startsWith(prefix))
}
