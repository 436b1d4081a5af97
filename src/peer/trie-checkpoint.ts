import { createHmac, timingSafeEqual } from 'node:crypto'

import { digestBytesOf, parseRefKind, REF_BYTES_MAX } from './ref-bytes.ts'
import { ROOT } from './trie-nodes.ts'
import type { TrieParts } from './trie-parts.ts'

/**
 * A trie as bytes, about 34 a member, so that a start need not hash every ref: `PKTR`, the version, the root, then an
 * HMAC-SHA-256 by the trie's key over all that. A node is a 1 and its 16 children, or a 0, its fingerprint (16 bytes),
 * its count (4 bytes), and its members, each a byte for its hash function, its tag (4 bytes) and its digest.
 */
const MAGIC = Buffer.from('PKTR\x02')
const MAC_BYTES = 32
const LEAF = 0
const INNER = 1
const LEAF_HEAD_BYTES = 21
const FAN_OUT = 16
const TAG_BYTES = 4

interface Cursor {
  readonly bytes: Buffer
  at: number
}

export function encodeTrie(key: Uint8Array, parts: TrieParts): Uint8Array {
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(bytesMax(parts)), at: 0 }
  cursor.at = MAGIC.copy(cursor.bytes)
  writeNode(parts, ROOT, cursor)
  const body = cursor.bytes.subarray(0, cursor.at)
  cursor.at += macOf(key, body).copy(cursor.bytes, cursor.at)
  return cursor.bytes.subarray(0, cursor.at)
}

/** Fills empty parts. False for anything but what `encodeTrie` wrote with this key: then nothing is filled in. */
export function decodeTrie(key: Uint8Array, bytes: Uint8Array, parts: TrieParts): boolean {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = whole.length - MAC_BYTES
  if (end < MAGIC.length || !whole.subarray(0, MAGIC.length).equals(MAGIC)) return false
  const body = whole.subarray(0, end)
  if (!timingSafeEqual(macOf(key, body), whole.subarray(end))) return false
  readNode(parts, ROOT, { bytes: body, at: MAGIC.length })
  return true
}

function macOf(key: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest()
}

function bytesMax({ nodes }: TrieParts): number {
  const headsOf = (node: number): number => {
    if (nodes.isLeaf(node)) return LEAF_HEAD_BYTES
    let sum = 1
    for (let digit = 0; digit < FAN_OUT; digit += 1) sum += headsOf(nodes.childrenOf(node) + digit)
    return sum
  }
  return (
    MAGIC.length + headsOf(ROOT) + nodes.countOf(ROOT) * (TAG_BYTES + REF_BYTES_MAX) + MAC_BYTES
  )
}

function writeNode(parts: TrieParts, node: number, cursor: Cursor): void {
  const { nodes } = parts
  if (nodes.isLeaf(node)) {
    writeLeaf(parts, node, cursor)
    return
  }
  cursor.at = cursor.bytes.writeUInt8(INNER, cursor.at)
  const first = nodes.childrenOf(node)
  for (let child = first; child < first + FAN_OUT; child += 1) writeNode(parts, child, cursor)
}

function writeLeaf({ nodes, pool }: TrieParts, leaf: number, cursor: Cursor): void {
  const { bytes } = cursor
  cursor.at = bytes.writeUInt8(LEAF, cursor.at)
  const sum = nodes.sumOf(leaf)
  cursor.at = bytes.writeBigUInt64BE(sum >> 64n, cursor.at)
  cursor.at = bytes.writeBigUInt64BE(BigInt.asUintN(64, sum), cursor.at)
  cursor.at = bytes.writeUInt32BE(nodes.countOf(leaf), cursor.at)
  for (let slot = nodes.chainOf(leaf); slot !== 0; slot = pool.nextOf(slot)) {
    cursor.at = bytes.writeUInt8(pool.kindOf(slot), cursor.at)
    cursor.at = bytes.writeUInt32BE(pool.tagAt(slot), cursor.at)
    cursor.at += pool.copyDigest(slot, bytes, cursor.at)
  }
}

function readNode(parts: TrieParts, node: number, cursor: Cursor): void {
  const { nodes } = parts
  const kind = cursor.bytes.readUInt8(cursor.at)
  cursor.at += 1
  if (kind === LEAF) {
    readLeaf(parts, node, cursor)
    return
  }
  const first = nodes.split(node)
  let count = 0
  let sum = 0n
  for (let child = first; child < first + FAN_OUT; child += 1) {
    readNode(parts, child, cursor)
    count += nodes.countOf(child)
    sum += nodes.sumOf(child)
  }
  nodes.restore(node, count, BigInt.asUintN(128, sum))
}

function readLeaf({ nodes, pool }: TrieParts, leaf: number, cursor: Cursor): void {
  const { bytes } = cursor
  const sum = (bytes.readBigUInt64BE(cursor.at) << 64n) | bytes.readBigUInt64BE(cursor.at + 8)
  const count = bytes.readUInt32BE(cursor.at + 16)
  cursor.at += LEAF_HEAD_BYTES - 1
  nodes.restore(leaf, count, sum)
  for (let left = count; left > 0; left -= 1) {
    const kind = parseRefKind(bytes.readUInt8(cursor.at)) ?? 2
    const tag = bytes.readUInt32BE(cursor.at + 1)
    cursor.at += 1 + TAG_BYTES
    nodes.setChain(
      leaf,
      pool.pushDigest({ kind, from: bytes, at: cursor.at }, tag, nodes.chainOf(leaf)),
    )
    cursor.at += digestBytesOf(kind)
  }
}
