import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'

import type { Received } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import { refOf } from '../blob/ref.ts'
import { CHUNK_MAX, type Cut, nextCut } from '../schema/chunker.ts'
import { growFileTree } from '../schema/file-tree.ts'
import type { Part } from '../schema/schema-blob.ts'
import type { Intake } from './intake.ts'
import { READ_BLOCK_BYTES } from './limits.ts'

/** A file's content, handed over but not yet durable. */
export interface ContentRead {
  readonly size: number
  /** The first bytes, for what only they can tell. */
  readonly head: Uint8Array
  /** Resolves once every chunk and `bytes` blob is durable. */
  finish(): Promise<StoredContent>
}

export interface StoredContent {
  readonly parts: readonly Part[]
  readonly wholeRef: BlobRef
  /** Chunks and `bytes` blobs, once each. */
  readonly blobs: readonly BlobRef[]
}

interface PendingChunk {
  readonly cut: Cut
  readonly stored: Promise<Received>
}

const zeros = Buffer.alloc(CHUNK_MAX)

/** Reads at most `size` bytes of an open file and hands them over, cut as Perkeep cuts. `pause` is called between blocks. */
export async function readContent(
  file: number,
  size: number,
  intake: Intake,
  pause: () => Promise<void>,
): Promise<ContentRead> {
  const chunks: PendingChunk[] = []
  const whole = createHash('sha224')
  let zeroChunk: Promise<Received> | undefined
  let [position, unread, head] = [0, size, new Uint8Array()]
  let rest: Uint8Array = new Uint8Array()
  for (;;) {
    const room = Math.min(unread, READ_BLOCK_BYTES)
    const block = Buffer.allocUnsafe(rest.length + room)
    block.set(rest)
    const read = readFully(file, block.subarray(rest.length))
    unread = read < room ? 0 : unread - read
    let bytes = block.subarray(0, rest.length + read)
    if (position === 0) head = bytes.subarray(0, CHUNK_MAX)
    while (bytes.length >= CHUNK_MAX || (unread === 0 && bytes.length > 0)) {
      const isZero =
        position > 0 && bytes.length >= CHUNK_MAX && zeros.equals(bytes.subarray(0, CHUNK_MAX))
      const cut = isZero ? { length: CHUNK_MAX, weight: 20 } : nextCut(bytes, position)
      if (cut === undefined) break
      const chunk = bytes.subarray(0, cut.length)
      if (cut.length < size) whole.update(chunk)
      const stored = (isZero && zeroChunk) || (await intake.offer(chunk)).stored
      if (isZero) zeroChunk = stored
      chunks.push({ cut, stored })
      position += cut.length
      bytes = bytes.subarray(cut.length)
    }
    rest = bytes
    if (unread === 0) break
    await pause()
  }
  return {
    size: position,
    head,
    finish: () => finishContent(chunks, intake, () => `sha224-${whole.digest('hex')}` as BlobRef),
  }
}

async function finishContent(
  chunks: readonly PendingChunk[],
  intake: Intake,
  wholeRef: () => BlobRef,
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
  const isOneChunk = chunks.length === 1 && first !== undefined
  const whole = isOneChunk ? first : chunks.length === 0 ? refOf(new Uint8Array()) : wholeRef()
  return { parts, wholeRef: whole ?? wholeRef(), blobs: [...refs] }
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
