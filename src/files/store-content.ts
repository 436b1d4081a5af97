import { readSync } from 'node:fs'

import { hashedBytes, type Received } from '../blob/receive.ts'
import { type BlobRef, refOf } from '../blob/ref.ts'
import { CHUNK_MAX, type Cut, nextCut } from '../schema/chunker.ts'
import { growFileTree } from '../schema/file-tree.ts'
import type { Part } from '../schema/schema-blob.ts'
import type { Block, BlockPool } from './block-pool.ts'
import type { ContentReader, OpenedContent } from './content-reader.ts'
import type { BlockAnswer } from './content-thread.ts'
import type { Intake } from './intake.ts'
import { BLOCKS_AHEAD, HEAD_BYTES, READ_BLOCK_BYTES } from './limits.ts'

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
  readonly reader: ContentReader
  /** Called between blocks. */
  readonly pause: () => Promise<void>
}

interface PendingChunk {
  readonly cut: Cut
  readonly stored: Promise<Received>
}

/** Whether a file of `size` bytes is read on the thread. */
export function isLargeContent(size: number): boolean {
  return size > CHUNK_MAX
}

/** Reads at most `size` bytes of an open file and hands them over, cut as Perkeep cuts. */
export async function readContent(
  file: number,
  size: number,
  parts: ContentParts,
): Promise<ContentRead> {
  return isLargeContent(size) ? readLarge(file, size, parts) : readSmall(file, size, parts)
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
  const wholeRefOf = (first: BlobRef | undefined): BlobRef =>
    chunks.length === 1 && first !== undefined ? first : refOf(content)
  return {
    size: content.length,
    head: content.subarray(0, HEAD_BYTES),
    finish: () => finishContent(chunks, parts.intake, wholeRefOf),
  }
}

interface AskedBlock {
  readonly block: Block
  readonly answer: Promise<BlockAnswer>
}

/** While one block is handed over, the thread reads the next. */
async function readLarge(file: number, size: number, parts: ContentParts): Promise<ContentRead> {
  const opened = parts.reader.open(file)
  const asked: AskedBlock[] = []
  const content = { size: 0, head: new Uint8Array(), digest: '', chunks: [] as PendingChunk[] }
  const pieces = openPieces(size)
  try {
    for (;;) {
      while (asked.length < BLOCKS_AHEAD && pieces.hasMore()) {
        asked.push(await askBlock(opened, parts.blocks, pieces.next()))
      }
      const next = asked[0]
      if (!next) break
      const told = await next.answer
      asked.shift()
      if (content.size === 0)
        content.head = Uint8Array.from(next.block.bytes.subarray(0, headOf(told)))
      content.size += await offerChunks(told, next.block, { chunks: content.chunks, parts })
      content.digest = told.digest ?? content.digest
      next.block.release()
      await parts.pause()
    }
  } finally {
    // The descriptor may be closed, and the blocks used again, only when the thread has done with them.
    await Promise.allSettled(asked.map(({ answer }) => answer))
    for (const { block } of asked) block.release()
    opened.end()
  }
  const wholeRef = `sha224-${content.digest}` as BlobRef
  return {
    size: content.size,
    head: content.head,
    finish: () => finishContent(content.chunks, parts.intake, () => wholeRef),
  }
}

interface Piece {
  readonly length: number
  readonly isLast: boolean
}

/** The lengths that a file of `size` bytes is read in. */
function openPieces(size: number): { hasMore(): boolean; next(): Piece } {
  let unread = size
  return {
    hasMore: () => unread > 0,
    next() {
      const length = Math.min(unread, READ_BLOCK_BYTES)
      unread -= length
      return { length, isLast: unread === 0 }
    },
  }
}

async function askBlock(
  opened: OpenedContent,
  blocks: BlockPool,
  { length, isLast }: Piece,
): Promise<AskedBlock> {
  const block = await blocks.take()
  const answer = opened.read(block.shared, length, isLast)
  // It is awaited in its turn; until then a failure of the one before it may come first.
  answer.catch(() => undefined)
  return { block, answer }
}

function headOf({ lengths }: BlockAnswer): number {
  return Math.min(
    lengths.reduce((sum, length) => sum + length, 0),
    HEAD_BYTES,
  )
}

/** Hands over the chunks of a block, and answers how many bytes they are. */
async function offerChunks(
  { refs, lengths, weights }: BlockAnswer,
  block: Block,
  { chunks, parts }: { readonly chunks: PendingChunk[]; readonly parts: ContentParts },
): Promise<number> {
  let at = 0
  let last: { readonly ref: string; readonly stored: Promise<Received> } | undefined
  for (const [i, ref] of refs.entries()) {
    const [length = 0, weight = 0] = [lengths[i], weights[i]]
    const bytes = block.bytes.subarray(at, at + length)
    // Sparse files hold thousands of one chunk.
    const isAgain = last?.ref === ref
    const stored =
      isAgain && last
        ? last.stored
        : (await parts.intake.offer(hashedBytes(ref as BlobRef, bytes))).stored
    if (!isAgain) block.holdUntil(stored)
    last = { ref, stored }
    chunks.push({ cut: { length, weight }, stored })
    at += length
  }
  return at
}

async function finishContent(
  chunks: readonly PendingChunk[],
  intake: Intake,
  wholeRefOf: (first: BlobRef | undefined) => BlobRef,
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
  return { parts, wholeRef: wholeRefOf(first), blobs: [...refs] }
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
