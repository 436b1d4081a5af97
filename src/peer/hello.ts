import { type Clock, delay } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { FramedStream } from './framed-stream.ts'
import { CONTROL_TIMEOUT_MS } from './limits.ts'
import { decodeMessage, encodeMessage, type Hello } from './messages.ts'

/** Says hello and hears the other side's. Rejects, and the stream is over, when that does not come in time. */
export async function sayHello(stream: FramedStream, own: Hello, clock: Clock): Promise<Hello> {
  const heard = new AbortController()
  const late = delay(clock, CONTROL_TIMEOUT_MS, heard.signal).then(
    () => stream.abort(new PeerkeepError('PEER_UNREACHABLE', 'the other device said no hello')),
    () => undefined,
  )
  try {
    await stream.send(encodeMessage(own))
    const frame = await stream.receive()
    const message = frame && decodeMessage(frame)
    if (message?.kind === 'hello') return message
    throw new PeerkeepError('BAD_FRAME', 'the other device did not say hello')
  } finally {
    heard.abort()
    await late
  }
}
