import { PeerkeepError } from '../base/errors.ts'
import type { OpenFile } from '../base/files.ts'
import { SCAN_BLOCK_BYTES, SCAN_HEADER_BYTES, SCAN_SKIP_BYTES_MIN } from './limits.ts'

/**
 * Reads a pack from front to back through one buffer. A sequential reader asks for the next block
 * while the caller works on the last one; a skipping reader reads little more than it is asked for.
 */
export interface PackReader {
  /** The file's length when the reader was made; nothing behind it is looked at. */
  readonly length: number
  /** Bytes that are in the buffer already, else undefined; they are valid until the next `load`. */
  peek(position: number, length: number): Uint8Array | undefined
  /** The bytes from `position`, fewer than asked for only at the end of the file. */
  load(position: number, length: number): Promise<Uint8Array>
  /** Waits for the read that is still under way. */
  settle(): Promise<void>
}

interface Ahead {
  readonly position: number
  readonly block: Uint8Array
  readonly count: Promise<number>
}

export function openPackReader(file: OpenFile, length: number, isSequential: boolean): PackReader {
  let buffer: Uint8Array = new Uint8Array(0)
  let start = 0
  let end = 0
  let ahead: Ahead | undefined
  let spare: Uint8Array | undefined

  function peek(position: number, wanted: number): Uint8Array | undefined {
    if (position < start || position + wanted > end) return undefined
    return buffer.subarray(position - start, position - start + wanted)
  }

  async function load(position: number, wanted: number): Promise<Uint8Array> {
    const until = Math.min(length, position + wanted)
    const isNear = position >= start && position - end < SCAN_SKIP_BYTES_MIN
    const readUntil = Math.min(length, until + readOver(isSequential, isNear))
    keepFrom(position, readUntil)
    while (end < until) {
      if (!(await takeAhead())) await fill(readUntil)
      if (isSequential) readAhead()
    }
    return buffer.subarray(position - start, until - start)
  }

  /** Moves what is still wanted to the front of a buffer that holds everything up to `until`. */
  function keepFrom(position: number, until: number): void {
    // A block read ahead is taken whole, so there must be room for one more.
    const room = Math.max(Math.min(until + SCAN_BLOCK_BYTES, length) - position, 0)
    const kept =
      position >= start && position < end
        ? buffer.subarray(position - start, end - start)
        : undefined
    if (buffer.length < room) {
      const larger = new Uint8Array(room)
      if (kept) larger.set(kept)
      buffer = larger
    } else if (kept) buffer.copyWithin(0, position - start, end - start)
    start = position
    end = position + (kept?.length ?? 0)
  }

  async function takeAhead(): Promise<boolean> {
    if (ahead === undefined) return false
    const { position, block, count } = ahead
    ahead = undefined
    const bytes = await count
    spare = block
    if (position !== end) return false
    if (bytes < Math.min(block.length, length - position)) throw shrunk()
    buffer.set(block.subarray(0, bytes), end - start)
    end += bytes
    return true
  }

  async function fill(until: number): Promise<void> {
    const into = buffer.subarray(end - start, until - start)
    if ((await file.read(into, end)) < into.length) throw shrunk()
    end = until
  }

  function readAhead(): void {
    if (ahead !== undefined || end >= length) return
    const block = spare ?? new Uint8Array(Math.min(SCAN_BLOCK_BYTES, length - end))
    spare = undefined
    const count = file.read(block.subarray(0, Math.min(block.length, length - end)), end)
    // Whoever takes the block meets the error; until then it must not count as unhandled.
    count.catch(() => undefined)
    ahead = { position: end, block, count }
  }

  return {
    length,
    peek,
    load,
    async settle() {
      await ahead?.count.catch(() => undefined)
    },
  }
}

/** How much more than what is asked for a read takes along. */
function readOver(isSequential: boolean, isNear: boolean): number {
  if (isSequential) return SCAN_BLOCK_BYTES
  return isNear ? SCAN_SKIP_BYTES_MIN : SCAN_HEADER_BYTES
}

function shrunk(): PeerkeepError {
  return new PeerkeepError(
    'STORE_DAMAGED',
    'A pack got shorter while it was read. Read it again from the start.',
  )
}
