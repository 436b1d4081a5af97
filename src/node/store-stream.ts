import { createHash } from 'node:crypto'

import { openBudget } from '../base/budget.ts'
import { asError } from '../base/errors.ts'
import type { Door } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import { CHUNK_MAX, type Cut, nextCut } from '../schema/chunker.ts'
import { growFileTree } from '../schema/file-tree.ts'
import type { Part } from '../schema/schema-blob.ts'

/** Bytes of one stream that are cut and not yet durable. */
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024

/** Bytes that are joined before they are cut: each chunk keeps all of them in memory until it is durable. */
const WINDOW_BYTES = 4 * 1024 * 1024

export interface StoredStream {
  readonly parts: readonly Part[]
  readonly size: number
  /** Digest of the whole content, in the form of a ref. */
  readonly wholeRef: BlobRef
  /** Every blob that was stored. */
  readonly blobs: readonly BlobRef[]
}

/**
 * Stores content as it comes in, cut where Perkeep cuts files, however the stream is cut. Resolves when all of it is
 * durable; memory is bounded whatever its length but for one entry a chunk. Rejects with what the content or the store rejects with.
 */
export async function storeStream(
  door: Door,
  content: AsyncIterable<Uint8Array>,
): Promise<StoredStream> {
  const digest = createHash('sha224')
  const chunks: { readonly cut: Cut; readonly ref: Promise<BlobRef> }[] = []
  const budget = openBudget(IN_FLIGHT_BYTES_MAX)
  const window = openWindow()
  let size = 0

  let failure: Error | undefined

  async function store(bytes: Buffer, cut: Cut): Promise<void> {
    const giveBack = await budget.take(cut.length)
    // Not only at the end: whoever sends a large file to a full disk hears of it now.
    if (failure) throw failure
    const ref = door.receive(bytes).then(received => received.ref)
    ref.then(giveBack, (error: unknown) => {
      failure ??= asError(error)
      giveBack()
    })
    chunks.push({ cut, ref })
  }

  for await (const piece of content) {
    digest.update(piece)
    window.push(piece)
    if (window.length() < WINDOW_BYTES) continue
    while (window.length() >= CHUNK_MAX) size += await cutOne()
  }
  while (window.length() > 0) size += await cutOne()

  async function cutOne(): Promise<number> {
    const cut = nextCut(window.bytes(), size)
    if (!cut) return 0
    await store(window.take(cut.length), cut)
    return cut.length
  }

  const tree = growFileTree()
  for (const { cut, ref } of chunks) tree.add(await ref, cut)
  const { parts, blobs } = tree.finish()
  const refs = await Promise.all(chunks.map(({ ref }) => ref))
  for (const bytes of blobs) refs.push((await door.receive(bytes)).ref)
  const wholeRef = `sha224-${digest.digest('hex')}` as BlobRef
  return { parts, size, wholeRef, blobs: [...new Set(refs)] }
}

/** Bytes that are not cut yet: less than a window and what comes at a time. */
function openWindow(): {
  push(piece: Uint8Array): void
  length(): number
  /** All of them, together. */
  bytes(): Buffer
  /** Takes the first ones away. */
  take(length: number): Buffer
} {
  let joined = Buffer.alloc(0)
  let pieces: Uint8Array[] = []
  let waiting = 0
  const bytes = (): Buffer => {
    if (pieces.length > 0) joined = Buffer.concat([joined, ...pieces])
    pieces = []
    waiting = 0
    return joined
  }
  return {
    push(piece) {
      // The giver may use its memory again.
      pieces.push(Uint8Array.from(piece))
      waiting += piece.length
    },
    length: () => joined.length + waiting,
    bytes,
    take(length) {
      const taken = bytes().subarray(0, length)
      joined = joined.subarray(length)
      return taken
    },
  }
}
