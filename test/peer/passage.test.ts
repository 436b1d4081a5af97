import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'

import type { Stream } from '@libp2p/interface'

import { PASSING_BYTES_MAX, STREAM_WINDOW_MAX } from '../../src/peer/limits.ts'
import { openPassage } from '../../src/peer/passage.ts'
import { openLoopback } from './loopback-streams.ts'

const CHUNK = new Uint8Array(65_507).fill(7)
const CHUNKS = 400

async function sendAll(stream: Stream): Promise<void> {
  for (let at = 0; at < CHUNKS; at += 1) if (!stream.send(CHUNK)) await once(stream, 'drain')
  await stream.close()
}

test('a relay holds no more of a stream than its bound, and passes on all of it', async () => {
  await using loopback = await openLoopback()
  const [from, to] = [await loopback.open(), await loopback.open()]
  const { bound } = openPassage()
  const [incoming, outgoing] = [bound(from.far), bound(to.near)]
  let held = 0
  let heldMost = 0
  let received = 0
  const waiting: Parameters<Stream['send']>[0][] = []
  let isPassing = false

  /** As libp2p's relay does: reads without a pause, writes when there is room. */
  async function passOn(): Promise<void> {
    if (isPassing) return
    isPassing = true
    for (let data = waiting.shift(); data; data = waiting.shift()) {
      held -= data.byteLength
      if (!outgoing.send(data)) await once(outgoing, 'drain')
    }
    isPassing = false
  }
  const all = CHUNK.length * CHUNKS
  const done = Promise.withResolvers<void>()
  incoming.addEventListener('message', ({ data }) => {
    held += data.byteLength
    heldMost = Math.max(heldMost, held)
    waiting.push(data)
    void passOn()
    // The reader sleeps until the relay has had enough, or all of it.
    if (incoming.readStatus === 'paused' || held > all / 2) read()
  })
  to.far.pause()
  to.far.addEventListener('message', ({ data }) => {
    received += data.byteLength
    if (received === all) done.resolve()
  })
  const read = (): void => to.far.resume()
  await Promise.all([sendAll(from.near), done.promise])
  assert.equal(received, all)
  // What was on its way when the pause began comes in one piece when it ends.
  const mostAllowed = PASSING_BYTES_MAX + STREAM_WINDOW_MAX + CHUNK.length
  assert.ok(heldMost <= mostAllowed, `${heldMost} bytes of ${all} held`)
})
