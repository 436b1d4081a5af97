import type { Stream } from '@libp2p/interface'

import { PeerkeepError } from '../base/errors.ts'
import { FRAME_BYTES_MAX, RECEIVE_BUFFER_BYTES } from './limits.ts'

/**
 * Frames over a libp2p stream, with bounded memory on both sides whatever the other one does: libp2p's own
 * iteration reads without back-pressure, and its `onDrain` waits only once. A frame is a length (4 bytes,
 * big-endian) and so many bytes.
 */
export interface FramedStream {
  /** Sends a frame; resolves when the next one may be sent. Rejects once the stream is over. */
  send(body: Uint8Array): Promise<void>
  /** The next frame; undefined at the end of the stream. Rejects with `BAD_FRAME`, or why it was cut. */
  receive(): Promise<Uint8Array | undefined>
  /** Bytes that were received and not yet taken. */
  readonly buffered: number
  close(): Promise<void>
  abort(error: Error): void
}

export const FRAME_HEAD_BYTES = 4
export const FRAME_BODY_MAX = FRAME_BYTES_MAX - FRAME_HEAD_BYTES

export function openFramedStream(stream: Stream): FramedStream {
  const received: Uint8Array[] = []
  let buffered = 0
  let isEnded = false
  let failure: Error | undefined
  let wakeReader: (() => void) | undefined
  let sending: Promise<void> = Promise.resolve()

  const wake = (): void => {
    wakeReader?.()
    wakeReader = undefined
  }
  const end = (error: Error | undefined): void => {
    isEnded = true
    failure ??= error
    wake()
  }
  stream.addEventListener('message', event => {
    const bytes = event.data.subarray()
    received.push(bytes)
    buffered += bytes.length
    if (buffered > RECEIVE_BUFFER_BYTES) stream.pause()
    wake()
  })
  stream.addEventListener('remoteCloseWrite', () => end(undefined))
  stream.addEventListener('close', event => end(event.error))

  /** Takes `length` bytes off the front; undefined when the stream ends before there are as many. */
  async function take(length: number): Promise<Uint8Array | undefined> {
    while (buffered < length) {
      if (isEnded && stream.readBufferLength === 0) return failOrEnd()
      const { promise, resolve } = Promise.withResolvers<void>()
      wakeReader = resolve
      stream.resume()
      await promise
    }
    const bytes = cutFront(received, length)
    buffered -= length
    if (buffered <= RECEIVE_BUFFER_BYTES / 2) stream.resume()
    return bytes
  }

  function failOrEnd(): undefined {
    if (failure) throw failure
    return undefined
  }

  async function receive(): Promise<Uint8Array | undefined> {
    const head = await take(FRAME_HEAD_BYTES)
    if (!head) return undefined
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0)
    if (length > FRAME_BODY_MAX) throw new PeerkeepError('BAD_FRAME', `a frame of ${length} bytes`)
    const body = await take(length)
    if (!body) throw new PeerkeepError('BAD_FRAME', 'the stream ended within a frame')
    return body
  }

  async function sendNow(body: Uint8Array): Promise<void> {
    if (body.length > FRAME_BODY_MAX) throw new TypeError(`a frame of ${body.length} bytes`)
    await untilWritable(stream)
    const frame = new Uint8Array(FRAME_HEAD_BYTES + body.length)
    new DataView(frame.buffer).setUint32(0, body.length)
    frame.set(body, FRAME_HEAD_BYTES)
    stream.send(frame)
  }

  return {
    send(body) {
      const sent = sending.then(() => sendNow(body))
      sending = sent.catch(() => undefined)
      return sent
    },
    receive,
    get buffered() {
      return buffered + stream.readBufferLength
    },
    close: () => stream.close(),
    abort: error => stream.abort(error),
  }
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
  if (stream.writeStatus !== 'writable')
    throw new PeerkeepError('PEER_UNREACHABLE', 'the line is closed')
}

/** Removes and joins the first `length` bytes of a list of pieces that has at least as many. */
function cutFront(pieces: Uint8Array[], length: number): Uint8Array {
  const [first] = pieces
  if (first && first.length > length) {
    pieces[0] = first.subarray(length)
    return first.subarray(0, length)
  }
  if (first?.length === length) return pieces.shift() ?? first
  const joined = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const piece = pieces.shift() ?? new Uint8Array(0)
    const wanted = piece.subarray(0, length - at)
    joined.set(wanted, at)
    at += wanted.length
    if (wanted.length < piece.length) pieces.unshift(piece.subarray(wanted.length))
  }
  return joined
}
