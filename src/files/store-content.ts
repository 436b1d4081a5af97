import { readSync } from 'node:fs'

import type { Received } from '../blob/receive.ts'
import { type BlobRef, refOf } from '../blob/ref.ts'
import { CHUNK_MAX, type Cut, nextCut } from '../schema/chunker.ts'
import { growFileTree } from '../schema/file-tree.ts'
import type { Part } from '../schema/schema-blob.ts'
import type { Block, BlockPool } from './block-pool.ts'
import type { Intake } from './intake.ts'
import { READ_BLOCK_BYTES } from './limits.ts'
import type { WholeHash, WholeHasher } from './whole-hash.ts'

/** A file's content, handed over but not yet durable. */
export interface ContentRead {
  readonly size: number
  /** The first bytes, for what only they can tell. */
  readonly head: Uint8Array
  /** Resolves once every chunk and `bytes` blob is durable. */
  finish(): Promise<StoredContent>
}

interface StoredContent {
  readonly parts: readonly Part[]
  readonly wholeRef: BlobRef
  /** Chunks and `bytes` blobs, once each. */
  readonly blobs: readonly BlobRef[]
}

/** What reading content needs, made once for a whole snapshot. */
export interface ContentParts {
  readonly intake: Intake
  readonly blocks: BlockPool
  readonly hasher: WholeHasher
  /** Called between blocks. */
  readonly pause: () => Promise<void>
}

interface PendingChunk {
  readonly cut: Cut
  readonly stored: Promise<Received>
}

/** Bytes of a file kept for whoever looks at its content: enough for the EXIF of any camera. */
const HEAD_BYTES = 256 * 1024

const zeros = Buffer.alloc(CHUNK_MAX)

/** Reads at most `size` bytes of an open file and hands them over, cut as Perkeep cuts. */
export async function readContent(
  file: number,
  size: number,
  parts: ContentParts,
): Promise<ContentRead> {
  return size <= CHUNK_MAX ? readSmall(file, size, parts) : readLarge(file, size, parts)
}

/** A file that fits one block: its bytes are read at once, and hashed here where they are several chunks. */
async function readSmall(file: number, size: number, parts: ContentParts): Promise<ContentRead> {
  const bytes = Buffer.allocUnsafe(size)
  const content = bytes.subarray(0, readFully(file, bytes))
  const chunks: PendingChunk[] = []
  for (let at = 0; at < content.length;) {
    const cut = nextCut(content.subarray(at), at)
    if (!cut) break
    const { stored } = await parts.intake.offer(content.subarray(at, at + cut.length))
    chunks.push({ cut, stored })
    at += cut.length
  }
  return {
    size: content.length,
    head: content.subarray(0, HEAD_BYTES),
    finish: () =>
      finishContent(chunks, parts.intake, async first =>
        chunks.length === 1 && first !== undefined ? first : refOf(content),
      ),
  }
}

async function readLarge(file: number, size: number, parts: ContentParts): Promise<ContentRead> {
  const whole = parts.hasher.begin()
  const chunks: PendingChunk[] = []
  const zeroChunk: { stored?: Promise<Received> } = {}
  const hashed: Promise<void>[] = []
  let [position, unread, head] = [0, size, new Uint8Array()]
  let rest: Uint8Array = new Uint8Array()
  while (unread > 0 || rest.length > 0) {
    const block = await parts.blocks.take()
    try {
      block.bytes.set(rest)
      const room = Math.min(unread, READ_BLOCK_BYTES)
      const read = readFully(file, block.bytes.subarray(rest.length, rest.length + room))
      unread = read < room ? 0 : unread - read
      hashed.push(hashBlock(whole, block, rest.length, read))
      const bytes = block.bytes.subarray(0, rest.length + read)
      if (position === 0) head = Uint8Array.from(bytes.subarray(0, HEAD_BYTES))
      const cutting = { block, position, isLast: unread === 0, zeroChunk }
      const cutBytes = await cutBlock(bytes, cutting, { chunks, intake: parts.intake })
      position += cutBytes
      // The block may be used again before the next one is read.
      rest = Uint8Array.from(bytes.subarray(cutBytes))
    } finally {
      block.release()
    }
    await parts.pause()
  }
  return {
    size: position,
    head,
    async finish() {
      await Promise.all(hashed)
      const digest = await whole.digest()
      return finishContent(chunks, parts.intake, async () => `sha224-${digest}` as BlobRef)
    },
  }
}

function hashBlock(whole: WholeHash, block: Block, begin: number, length: number): Promise<void> {
  const done = whole.update(block.shared, begin, length)
  block.holdUntil(done)
  return done
}

interface Cutting {
  readonly block: Block
  /** Where the bytes begin in the file. */
  readonly position: number
  readonly isLast: boolean
  /** Where a chunk of zeros is on its way to: sparse files hold thousands of it. */
  readonly zeroChunk: { stored?: Promise<Received> }
}

/** Hands over every whole chunk of a block, and answers how many bytes they are. */
async function cutBlock(
  bytes: Uint8Array,
  { block, position, isLast, zeroChunk }: Cutting,
  { chunks, intake }: { readonly chunks: PendingChunk[]; readonly intake: Intake },
): Promise<number> {
  let at = 0
  while (bytes.length - at >= CHUNK_MAX || (isLast && at < bytes.length)) {
    const left = bytes.subarray(at)
    const isZero =
      position + at > 0 && left.length >= CHUNK_MAX && zeros.equals(left.subarray(0, CHUNK_MAX))
    const cut = isZero ? { length: CHUNK_MAX, weight: 20 } : nextCut(left, position + at)
    if (cut === undefined) break
    const known = isZero ? zeroChunk.stored : undefined
    const stored = known ?? (await intake.offer(left.subarray(0, cut.length))).stored
    if (isZero) zeroChunk.stored = stored
    if (known === undefined) block.holdUntil(stored)
    chunks.push({ cut, stored })
    at += cut.length
  }
  return at
}

async function finishContent(
  chunks: readonly PendingChunk[],
  intake: Intake,
  wholeRefOf: (first: BlobRef | undefined) => Promise<BlobRef>,
): Promise<StoredContent> {
  const tree = growFileTree()
  const refs = new Set<BlobRef>()
  let first: BlobRef | undefined
  for (const { cut, stored } of chunks) {
    const { ref } = await stored
    first ??= ref
    refs.add(ref)
    tree.add(ref, cut)
  }
  const { parts, blobs } = tree.finish()
  for (const bytes of blobs) refs.add((await (await intake.offer(bytes)).stored).ref)
  return { parts, wholeRef: await wholeRefOf(first), blobs: [...refs] }
}

function readFully(file: number, into: Uint8Array): number {
  let read = 0
  while (read < into.length) {
    const got = readSync(file, into, read, into.length - read, null)
    if (got === 0) break
    read += got
  }
  return read
}
