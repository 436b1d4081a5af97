import { elementWord, type KeyedId } from './keyed-id.ts'
import type { Slot } from './member-pool.ts'
import type { Branch } from './reconcile-messages.ts'

export const ROOT = 0

/**
 * The nodes of a trie as rows of numbers, 32 bytes a node. A node is a leaf with a chain of members, or it has 16
 * children that lie beside each other. Each has the count and the sum of everything beneath it.
 */
export interface TrieNodes {
  countOf(node: number): number
  sumOf(node: number): bigint
  /** The low bits of both, as they travel; undefined for a node without members. */
  branchOf(node: number): Branch | undefined
  isLeaf(node: number): boolean
  /** The first of 16 children; meaningless for a leaf. */
  childrenOf(node: number): number
  chainOf(leaf: number): Slot
  setChain(leaf: number, head: Slot): void
  /** Counts a member in, at every node of a path. */
  add(path: readonly number[], id: KeyedId): void
  subtract(path: readonly number[], id: KeyedId): void
  /** Makes a leaf a node with 16 empty leaves beneath; returns the first. Its chain is the caller's to move. */
  split(leaf: number): number
  /** Makes a node above 16 leaves a leaf again. Their chains are the caller's to move first. */
  merge(node: number): void
  /** Gives a node its count and sum at once. */
  restore(node: number, count: number, sum: bigint): void
}

const FAN_OUT = 16
const NODES_AT_FIRST = 32

/** A row: four words of the sum, the highest first, then these, and one to spare: two rows fill a line of the cache. */
const ROW = 8
const COUNT = 4
const CHILDREN = 5
const CHAIN = 6

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export function openTrieNodes(): TrieNodes {
  let rows = new Uint32Array(ROW * NODES_AT_FIRST)
  const freeBlocks: number[] = []
  // Two words become a number of 64 bits by lying in one place (all that runs Node is little endian).
  const element = [0, 0, 0, 0]
  const words = new Uint32Array(2)
  const long = new BigUint64Array(words.buffer)
  let used = FAN_OUT

  function takeBlock(): number {
    const freed = freeBlocks.pop()
    if (freed !== undefined) return freed
    if (ROW * (used + FAN_OUT) > rows.length) {
      const larger = new Uint32Array(2 * rows.length)
      larger.set(rows)
      rows = larger
    }
    used += FAN_OUT
    return used - FAN_OUT
  }

  /** Adds `sign` times an element, modulo 2^128. */
  function change(path: readonly number[], id: KeyedId, sign: 1 | -1): void {
    for (let word = 0; word < 4; word += 1) element[word] = sign * elementWord(id, word)
    for (const node of path) {
      let carry = 0
      for (let word = 3; word >= 0; word -= 1) {
        const at = ROW * node + word
        const sum = (rows[at] ?? 0) + (element[word] ?? 0) + carry
        rows[at] = sum
        carry = sum > 0xffff_ffff ? 1 : sum < 0 ? -1 : 0
      }
      rows[ROW * node + COUNT] = (rows[ROW * node + COUNT] ?? 0) + sign
    }
  }

  return {
    countOf: node => rows[ROW * node + COUNT] ?? 0,
    sumOf(node) {
      let sum = 0n
      for (let word = 0; word < 4; word += 1)
        sum = (sum << 32n) | BigInt(rows[ROW * node + word] ?? 0)
      return sum
    },
    branchOf(node) {
      const count = rows[ROW * node + COUNT] ?? 0
      if (count === 0) return undefined
      ;[words[1], words[0]] = [rows[ROW * node + 2] ?? 0, rows[ROW * node + 3] ?? 0]
      return { fingerprint: long[0] ?? 0n, count: count & 0xff }
    },
    isLeaf: node => rows[ROW * node + CHILDREN] === 0,
    childrenOf: node => rows[ROW * node + CHILDREN] ?? 0,
    chainOf: leaf => rows[ROW * leaf + CHAIN] ?? 0,
    setChain(leaf, head) {
      rows[ROW * leaf + CHAIN] = head
    },
    add: (path, id) => change(path, id, 1),
    subtract: (path, id) => change(path, id, -1),
    split(leaf) {
      const first = takeBlock()
      rows[ROW * leaf + CHILDREN] = first
      rows[ROW * leaf + CHAIN] = 0
      return first
    },
    merge(node) {
      const first = rows[ROW * node + CHILDREN] ?? 0
      rows.fill(0, ROW * first, ROW * (first + FAN_OUT))
      freeBlocks.push(first)
      rows[ROW * node + CHILDREN] = 0
    },
    restore(node, count, sum) {
      rows[ROW * node + COUNT] = count
      for (let word = 0; word < 4; word += 1)
        rows[ROW * node + word] = Number(BigInt.asUintN(32, sum >> BigInt(96 - 32 * word)))
    },
  }
}
