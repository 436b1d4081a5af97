import type { Clock } from '../base/clock.ts'
import { asError, PeerkeepError } from '../base/errors.ts'
import { openSlabs, type SlabPart } from '../base/slabs.ts'
import { BLOB_SIZE_MAX } from '../blob/limits.ts'
import type { BlobRef } from '../blob/ref.ts'
import { FRAME_BODY_MAX, type FramedStream } from './framed-stream.ts'
import { ANSWER_TIMEOUT_MS, FETCH_REFS_MAX } from './limits.ts'
import {
  REF_BYTES_MAX,
  digestBytesOf,
  parseRefKind,
  readDigest,
  refKindOf,
  writeDigest,
} from './ref-bytes.ts'

/**
 * A line for blobs. Who opens it asks, the other side answers, in the order asked. A question is one frame: refs, each
 * the byte of its hash function and its digest. The answer to each ref is the blob's size (4 bytes, all ones where it
 * is not there) and its first bytes, then the rest of it, in full frames.
 */
export interface BlobLine {
  /**
   * Asks for blobs, and hands each to `take` in the order asked for, undefined where the other side has none. The
   * bytes are not verified; they are to be given back. Nothing more is read until `take` resolves. Resolves when all
   * have been taken; rejects when the line ends first, or with `BAD_FRAME`.
   */
  request(refs: readonly BlobRef[], take: TakeBlob): Promise<void>
  close(error?: Error): void
}

type TakeBlob = (ref: BlobRef, blob: SlabPart | undefined) => Promise<void>

interface Request {
  readonly refs: readonly BlobRef[]
  readonly take: TakeBlob
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const SIZE_BYTES = 4
const ABSENT = 0xffff_ffff

export interface BlobLineOptions {
  readonly clock: Clock
  /** Told of each blob's bytes as they come. */
  readonly onBytes: (bytes: number) => void
}

export function openBlobLine(stream: FramedStream, { clock, onBytes }: BlobLineOptions): BlobLine {
  const requests: Request[] = []
  const slabs = openSlabs()
  let failure: Error | undefined
  let isReading = false

  function fail(error: unknown): void {
    failure ??= asError(error)
    stream.abort(failure)
    for (const request of requests.splice(0)) request.reject(failure)
  }

  async function readAnswers(): Promise<void> {
    for (let request = requests[0]; request; request = requests[0]) {
      for (const ref of request.refs) await request.take(ref, await readBlob())
      requests.shift()
      request.resolve()
    }
    isReading = false
  }

  /** A peer that owes an answer and is silent loses its line. */
  async function nextFrame(): Promise<Uint8Array> {
    const stopTimer = clock.after(ANSWER_TIMEOUT_MS, () =>
      stream.abort(
        new PeerkeepError('PEER_UNREACHABLE', 'the other device does not answer any more'),
      ),
    )
    const frame = await stream.receive().finally(stopTimer)
    if (frame) {
      onBytes(frame.length)
      return frame
    }
    throw new PeerkeepError('PEER_UNREACHABLE', 'the other device hung up')
  }

  async function readBlob(): Promise<SlabPart | undefined> {
    const first = await nextFrame()
    if (first.length < SIZE_BYTES) throw badFrame('an answer cut short')
    const size = new DataView(first.buffer, first.byteOffset).getUint32(0)
    if (size === ABSENT) return undefined
    if (size > BLOB_SIZE_MAX) throw badFrame('a blob over the limit')
    const part = slabs.take(size)
    let length = place(first.subarray(SIZE_BYTES), part.bytes, 0)
    while (length < size) length = place(await nextFrame(), part.bytes, length)
    return part
  }

  return {
    async request(refs, take) {
      if (failure !== undefined) throw failure
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      requests.push({ refs, take, resolve, reject })
      stream.send(encodeRefs(refs)).catch(fail)
      if (!isReading) {
        isReading = true
        readAnswers().catch(fail)
      }
      return promise
    },
    close(error) {
      fail(error ?? new PeerkeepError('PEER_UNREACHABLE', 'the line was closed'))
    },
  }
}

/** Full frames only: a blob in pieces of one byte would be a million frames. */
function place(piece: Uint8Array, bytes: Uint8Array, at: number): number {
  const end = at + piece.length
  const frameBytes = at === 0 ? FRAME_BODY_MAX - SIZE_BYTES : FRAME_BODY_MAX
  if (end > bytes.length) throw badFrame('a blob longer than it was said to be')
  if (end < bytes.length && piece.length !== frameBytes) throw badFrame('a piece cut short')
  bytes.set(piece, at)
  return end
}

/** Sends the frames that answer for one blob; resolves when its bytes may be used again. */
export async function sendBlob(
  stream: Pick<FramedStream, 'send'>,
  bytes: Uint8Array | undefined,
): Promise<void> {
  const size = Buffer.alloc(SIZE_BYTES)
  size.writeUInt32BE(bytes === undefined ? ABSENT : bytes.length)
  let at = FRAME_BODY_MAX - SIZE_BYTES
  await stream.send(size, bytes?.subarray(0, at) ?? NO_BYTES)
  for (; bytes && at < bytes.length; at += FRAME_BODY_MAX)
    await stream.send(bytes.subarray(at, at + FRAME_BODY_MAX))
}

const NO_BYTES = new Uint8Array(0)

export function encodeRefs(refs: readonly BlobRef[]): Uint8Array {
  const frame = Buffer.allocUnsafe(refs.length * REF_BYTES_MAX)
  let at = 0
  for (const ref of refs) {
    at = frame.writeUInt8(refKindOf(ref), at)
    at += writeDigest(ref, frame, at)
  }
  return frame.subarray(0, at)
}

/** Reads a question. Throws `BAD_FRAME`. */
export function decodeRefs(frame: Uint8Array): BlobRef[] {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length)
  const refs: BlobRef[] = []
  for (let at = 0; at < bytes.length;) {
    const kind = parseRefKind(bytes[at])
    const end = at + 1 + (kind === undefined ? 0 : digestBytesOf(kind))
    if (kind === undefined || end > bytes.length) throw badFrame('a request for what is no ref')
    refs.push(readDigest(kind, bytes, at + 1))
    at = end
  }
  if (refs.length === 0 || refs.length > FETCH_REFS_MAX) throw badFrame('a request out of bounds')
  return refs
}

function badFrame(what: string): PeerkeepError {
  return new PeerkeepError('BAD_FRAME', `the other device sent ${what}`)
}
