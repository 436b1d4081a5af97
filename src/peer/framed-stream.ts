import type { Stream } from '@libp2p/interface'

import { PeerkeepError } from '../base/errors.ts'
import { FRAME_BYTES_MAX, RECEIVE_BUFFER_BYTES, SEND_BYTES } from './limits.ts'

/**
 * Frames over a libp2p stream, with bounded memory on both sides whatever the other one does: libp2p's own
 * iteration reads without back-pressure, and its `onDrain` waits only once. A frame is a length (4 bytes,
 * big-endian) and so many bytes.
 */
export interface FramedStream {
  /**
   * Sends a frame made of these pieces, behind those asked for before it; resolves when the next one may be sent, which
   * may be before this one has left. Rejects once the stream is over. The bytes are the caller's again then.
   */
  send(...pieces: readonly Uint8Array[]): Promise<void>
  /**
   * The next frame, whose bytes are valid until the next call; undefined at the end of the stream. Rejects with
   * `BAD_FRAME`, or why it was cut.
   */
  receive(): Promise<Uint8Array | undefined>
  /** Bytes that were received and not yet taken. */
  readonly buffered: number
  close(): Promise<void>
  abort(error: Error): void
}

const FRAME_HEAD_BYTES = 4
/** Arrivals that together are smaller are copied into one piece. */
const JOINED_BYTES_MAX = 2048

export const FRAME_BODY_MAX = FRAME_BYTES_MAX - FRAME_HEAD_BYTES

export function openFramedStream(stream: Stream): FramedStream {
  const reader = readBytes(stream)
  const writer = writeFrames(stream)

  async function receive(): Promise<Uint8Array | undefined> {
    const head = await reader.take(FRAME_HEAD_BYTES)
    if (!head) return undefined
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0)
    if (length > FRAME_BODY_MAX) throw new PeerkeepError('BAD_FRAME', `a frame of ${length} bytes`)
    const body = await reader.take(length)
    if (!body) throw new PeerkeepError('BAD_FRAME', 'the stream ended within a frame')
    return body
  }

  return {
    send: writer.send,
    receive,
    get buffered() {
      return reader.buffered()
    },
    async close() {
      await writer.flushed().catch(() => undefined)
      await stream.close()
    },
    abort: error => stream.abort(error),
  }
}

/**
 * Frames that are sent one after the other leave together, up to `SEND_BYTES`: each send costs a trip through
 * encryption and the socket.
 */
function writeFrames(stream: Stream): {
  send: (...pieces: readonly Uint8Array[]) => Promise<void>
  flushed: () => Promise<void>
} {
  let waiting = NOTHING
  let waitingBytes = 0
  let flushing: Promise<void> | undefined
  /** The last frame's way into what waits. */
  let turn = Promise.resolve()

  async function flush(): Promise<void> {
    // Whoever sends without waiting for an answer sends more in this turn of the event loop.
    await new Promise(resolve => setImmediate(resolve))
    while (waitingBytes > 0) {
      await untilWritable(stream)
      const batch = waiting.subarray(0, waitingBytes)
      waiting = NOTHING
      waitingBytes = 0
      stream.send(batch)
    }
    flushing = undefined
  }

  /** Makes room behind what waits. A large frame is rarely alone, and to make room twice costs a copy. */
  function makeRoom(bytes: number): void {
    if (waitingBytes + bytes <= waiting.length) return
    const room = bytes > SEND_BYTES / 16 ? SEND_BYTES : 4 * (waitingBytes + bytes)
    const larger = Buffer.allocUnsafe(Math.min(Math.max(room, waitingBytes + bytes), SEND_BYTES))
    larger.set(waiting.subarray(0, waitingBytes))
    waiting = larger
  }

  async function add(pieces: readonly Uint8Array[], length: number): Promise<void> {
    while (flushing && waitingBytes + FRAME_HEAD_BYTES + length > SEND_BYTES) await flushing
    if (stream.writeStatus !== 'writable') throw lineClosed()
    makeRoom(FRAME_HEAD_BYTES + length)
    waitingBytes = waiting.writeUInt32BE(length, waitingBytes)
    for (const piece of pieces) {
      waiting.set(piece, waitingBytes)
      waitingBytes += piece.length
    }
    flushing ??= flush()
    // Whoever sends next is told; nobody may wait for this one.
    flushing.catch(() => undefined)
  }

  return {
    async send(...pieces) {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
      if (length > FRAME_BODY_MAX) throw new TypeError(`a frame of ${length} bytes`)
      const added = turn.then(() => add(pieces, length))
      turn = added.catch(() => undefined)
      return added
    },
    async flushed() {
      await turn
      await flushing
    },
  }
}

const NOTHING = Buffer.alloc(0)

interface ByteReader {
  /** The next `length` bytes, valid until the next call; undefined at the end of the stream. */
  take(length: number): Promise<Uint8Array | undefined>
  buffered(): number
}

function readBytes(stream: Stream): ByteReader {
  const received: Uint8Array[] = []
  /** What lies in several pieces is put together here. */
  let joined = NOTHING
  let buffered = 0
  let isEnded = false
  let isResuming = false
  let failure: Error | undefined
  let wakeReader: (() => void) | undefined

  const wake = (): void => {
    wakeReader?.()
    wakeReader = undefined
  }
  const end = (error: Error | undefined): void => {
    isEnded = true
    failure ??= error
    wake()
  }
  const pauseWhenFull = (): void => {
    if (buffered > RECEIVE_BUFFER_BYTES && isReadable(stream)) stream.pause()
  }
  /**
   * Hands out what libp2p kept meanwhile. A pause from within that would be undone: yamux opens its window
   * once more when `resume` ends, while libp2p holds the stream for paused, until its buffer overflows.
   */
  const resume = (): void => {
    if (!isReadable(stream)) return
    isResuming = true
    stream.resume()
    isResuming = false
    pauseWhenFull()
  }
  stream.addEventListener('message', event => {
    const { data } = event
    // A list's pieces as they are: to ask it for all its bytes would copy them.
    for (const bytes of data instanceof Uint8Array ? [data] : data) append(received, bytes)
    buffered += data.byteLength
    if (!isResuming) pauseWhenFull()
    wake()
  })
  stream.addEventListener('remoteCloseWrite', () => end(undefined))
  stream.addEventListener('close', event => end(event.error))

  async function take(length: number): Promise<Uint8Array | undefined> {
    while (buffered < length) {
      if (isEnded && stream.readBufferLength === 0) return failOrEnd()
      const { promise, resolve: onMore } = Promise.withResolvers<void>()
      wakeReader = onMore
      resume()
      await promise
    }
    if (length > joined.length && (received[0]?.length ?? 0) < length)
      joined = Buffer.allocUnsafe(length)
    const bytes = cutFront(received, length, joined)
    buffered -= length
    if (buffered <= RECEIVE_BUFFER_BYTES / 2) resume()
    return bytes
  }

  function failOrEnd(): undefined {
    if (failure) throw failure
    if (buffered > 0) throw new PeerkeepError('BAD_FRAME', 'the stream ended within a frame')
    return undefined
  }

  return { take, buffered: () => buffered + stream.readBufferLength }
}

async function untilWritable(stream: Stream): Promise<void> {
  while (stream.writableNeedsDrain && stream.status === 'open') {
    await new Promise<void>(resolve => {
      const done = (): void => {
        stream.removeEventListener('drain', done)
        stream.removeEventListener('close', done)
        resolve()
      }
      stream.addEventListener('drain', done)
      stream.addEventListener('close', done)
    })
  }
  if (stream.writeStatus !== 'writable') throw lineClosed()
}

function lineClosed(): PeerkeepError {
  return new PeerkeepError('PEER_UNREACHABLE', 'the line is closed')
}

function isReadable(stream: Stream): boolean {
  return stream.readStatus === 'readable' || stream.readStatus === 'paused'
}

/** Small arrivals share a piece: a peer that sends byte by byte must not make a million of them. */
function append(pieces: Uint8Array[], bytes: Uint8Array): void {
  const last = pieces.at(-1)
  if (last === undefined || last.length + bytes.length > JOINED_BYTES_MAX) pieces.push(bytes)
  else pieces[pieces.length - 1] = Buffer.concat([last, bytes])
}

/** Removes the first `length` bytes of a list of pieces that has at least as many; joins them in `into` if need be. */
function cutFront(pieces: Uint8Array[], length: number, into: Uint8Array): Uint8Array {
  const [first] = pieces
  if (first && first.length > length) {
    pieces[0] = first.subarray(length)
    return first.subarray(0, length)
  }
  if (first?.length === length) return pieces.shift() ?? first
  for (let at = 0; at < length;) {
    const piece = pieces.shift() ?? NOTHING
    const wanted = piece.subarray(0, length - at)
    into.set(wanted, at)
    at += wanted.length
    if (wanted.length < piece.length) pieces.unshift(piece.subarray(wanted.length))
  }
  return into.subarray(0, length)
}
