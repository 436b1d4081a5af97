import { Duplex } from 'node:stream'

import { asError } from '../base/errors.ts'
import { FRAME_BODY_MAX, type FramedStream } from './framed-stream.ts'

/** Node's streams are told of an end by a call. */
function tell(work: Promise<void>, done: (error?: Error | null) => void): void {
  work.then(
    // oxlint-disable-next-line promise/no-callback-in-promise -- what the stream's interface asks for
    () => done(),
    // oxlint-disable-next-line promise/no-callback-in-promise -- as above
    (error: unknown) => done(asError(error)),
  )
}

/**
 * A line to another device as a stream of bytes, for what speaks HTTP on it. Its memory is bounded as that of the frames is:
 * what is not read is not received.
 */
export function openTunnel(frames: FramedStream): Duplex {
  let isReceiving = false

  async function receive(tunnel: Duplex): Promise<void> {
    if (isReceiving) return
    isReceiving = true
    try {
      for (let isWanted = true; isWanted;) {
        const frame = await frames.receive()
        // The frame's memory is used again.
        isWanted = tunnel.push(frame ? Uint8Array.from(frame) : null) && frame !== undefined
      }
    } catch (error) {
      tunnel.destroy(error as Error)
    }
    isReceiving = false
  }

  async function send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += FRAME_BODY_MAX)
      await frames.send(bytes.subarray(at, at + FRAME_BODY_MAX))
  }

  const tunnel = new Duplex({
    read() {
      void receive(this)
    },
    write(chunk: Uint8Array, _encoding, done) {
      tell(send(chunk), done)
    },
    final(done) {
      tell(frames.close(), done)
    },
    destroy(error, done) {
      if (error) frames.abort(error)
      else void frames.close().catch(() => undefined)
      done(error)
    },
  })
  // What HTTP asks of a socket and a stream of libp2p has no need of.
  const nothing = (): Duplex => tunnel
  return Object.assign(tunnel, {
    setKeepAlive: nothing,
    setNoDelay: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
  })
}
