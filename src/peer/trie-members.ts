import { elementOf } from './keyed-id.ts'
import type { MemberPool, Slot } from './member-pool.ts'
import type { Member, TrieParts } from './trie-parts.ts'

/** The slots of a chain, in its order. */
export function chainFrom(pool: MemberPool, head: Slot): Slot[] {
  const slots: Slot[] = []
  for (let slot = head; slot !== 0; slot = pool.nextOf(slot)) slots.push(slot)
  return slots
}

/** All members beneath a node, in the order of their ids. */
export function* membersBeneath(parts: TrieParts, node: number): Generator<Member> {
  const { nodes } = parts
  if (nodes.isLeaf(node)) {
    yield* membersOfLeaf(parts, node)
    return
  }
  const first = nodes.childrenOf(node)
  for (let child = first; child < first + 16; child += 1) yield* membersBeneath(parts, child)
}

/** The members of a leaf in the order of their ids. */
export function membersOfLeaf(parts: TrieParts, leaf: number): readonly Member[] {
  const { nodes, pool, lastLeaf } = parts
  if (lastLeaf?.leaf === leaf) return lastLeaf.members
  const members = chainFrom(pool, nodes.chainOf(leaf))
    .map(slot => memberAt(parts, slot))
    .sort(byId)
  parts.lastLeaf = { leaf, members }
  return members
}

/**
 * One or two members beneath a node, in the order of their ids, whose elements add up to a sum of 64 bits; undefined
 * where there are none. By their tags, which are the low words of the sum: no other member costs a hash.
 */
export function membersThatSumTo(
  parts: TrieParts,
  node: number,
  sum: bigint,
): readonly Member[] | undefined {
  const { pool } = parts
  const low = Number(BigInt.asUintN(32, sum))
  const before = new Map<number, Slot>()
  for (const slot of slotsBeneath(parts, node)) {
    const tag = pool.tagAt(slot)
    const other = before.get((low - tag) >>> 0)
    const found =
      (tag === low && membersIfSum(parts, [slot], sum)) ||
      (other !== undefined && membersIfSum(parts, [other, slot], sum))
    if (found) return found
    before.set(tag, slot)
  }
  return undefined
}

function* slotsBeneath(parts: TrieParts, node: number): Generator<Slot> {
  const { nodes, pool } = parts
  if (nodes.isLeaf(node)) {
    yield* chainFrom(pool, nodes.chainOf(node))
    return
  }
  const first = nodes.childrenOf(node)
  for (let child = first; child < first + 16; child += 1) yield* slotsBeneath(parts, child)
}

function membersIfSum(
  parts: TrieParts,
  slots: readonly Slot[],
  sum: bigint,
): readonly Member[] | undefined {
  const members = slots.map(slot => memberAt(parts, slot))
  const total = members.reduce((all, { id }) => all + elementOf(id), 0n)
  return BigInt.asUintN(64, total) === sum ? members.sort(byId) : undefined
}

function memberAt({ pool, idOf }: TrieParts, slot: Slot): Member {
  const ref = pool.refAt(slot)
  return { ref, id: idOf(ref) }
}

function byId(a: Member, b: Member): number {
  return a.id < b.id ? -1 : 1
}
