import { once } from 'node:events'
import type { Writable } from 'node:stream'

import type { Piece } from '../schema/file-reader.ts'
import { HOLE_PIECE_BYTES } from './file-limits.ts'

const zeros = new Uint8Array(HOLE_PIECE_BYTES)

/** Content as bytes only: holes become zeros. */
export async function* bytesOfPieces(pieces: AsyncIterable<Piece>): AsyncGenerator<Uint8Array> {
  for await (const { bytes, size } of pieces) {
    if (bytes) yield bytes
    else for (let left = size; left > 0; left -= zeros.length) yield zeros.subarray(0, left)
  }
}

/** Writes no faster than whoever reads takes it. Rejects with the signal's reason when they are gone. */
export async function writeAll(
  to: Writable,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    if (!to.write(chunk)) await once(to, 'drain', { signal })
  }
}
