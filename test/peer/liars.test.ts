import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'

import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'

import { refOf } from '../../src/blob/ref.ts'
import { encodeRefs, sendBlob } from '../../src/peer/blob-line.ts'
import { type FramedStream, openFramedStream } from '../../src/peer/framed-stream.ts'
import type { PeerHost } from '../../src/peer/host.ts'
import { WAITING_REQUESTS_MAX } from '../../src/peer/limits.ts'
import { BLOB_PROTOCOL, EXCHANGE_PROTOCOL, openLine } from '../../src/peer/line.ts'
import { decodeMessage, encodeMessage, type Message } from '../../src/peer/messages.ts'
import { openSimRandom } from '../sim/sim-random.ts'
import { makeTestDevice, openTestHost, type TestDevice, untilConnected } from './test-device.ts'

/** A device of the owner that speaks the protocol's first words, and then says what it likes. */
interface Liar extends AsyncDisposable {
  readonly device: TestDevice
  readonly line: Libp2p
  /** Opens a session up to the hello. */
  begin(): Promise<{ readonly control: FramedStream; readonly stream: Stream }>
}

/** A host, and a liar that it takes for a device: with the smaller key, so that it is the one who opens. */
async function openLiar(
  answer: (stream: FramedStream) => Promise<void> = async () => undefined,
): Promise<{ host: PeerHost; victim: TestDevice; friend: TestDevice; liar: Liar }> {
  const [low, middle, high] = [makeTestDevice(), makeTestDevice(), makeTestDevice()].sort((a, b) =>
    a.keyId < b.keyId ? -1 : 1,
  )
  if (!low || !middle || !high) throw new TypeError('three devices')
  const host = await openTestHost(high, [low, middle])
  const line = await openLine({ seed: low.seed, listen: [], admits: () => true })
  await line.handle(BLOB_PROTOCOL, stream => answer(openFramedStream(stream)))
  const liar: Liar = {
    device: low,
    line,
    async begin() {
      const [address = ''] = host.addresses()
      const stream = await dialAgain(() => line.dialProtocol(multiaddr(address), EXCHANGE_PROTOCOL))
      const control = openFramedStream(stream)
      await control.send(encodeMessage(hello))
      const said = await control.receive()
      assert.equal(said && decodeMessage(said).kind, 'hello')
      return { control, stream }
    },
    async [Symbol.asyncDispose]() {
      await line.stop()
      await host.close()
    },
  }
  return { host, victim: high, friend: middle, liar }
}

/** A connection that the host is just closing may be offered once more. */
async function dialAgain(dial: () => Promise<Stream>): Promise<Stream> {
  for (let left = 20; ; left -= 1) {
    try {
      return await dial()
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

const hello: Message = {
  kind: 'hello',
  name: 'liar',
  addresses: [],
  runId: '0123456789abcdef',
  time: 0,
  keyCheck: '0123456789abcdef',
}

/** The other device notices nothing: what it has still arrives. */
async function assertOthersWork(host: PeerHost, victim: TestDevice, friend: TestDevice) {
  await using friendHost = await openTestHost(friend, [victim], { addresses: host.addresses() })
  await untilConnected(friendHost)
  const { ref } = await friend.door.receive(Buffer.from('from a friend'))
  await victim.until(ref)
}

test('20,000 frames, with garbage behind every thousand, end their lines and nothing else', async () => {
  const { host, victim, friend, liar } = await openLiar()
  await using _liar = liar
  const random = openSimRandom(3)
  for (let lines = 0; lines < 20; lines += 1) {
    const { control, stream } = await liar.begin()
    for (let at = 0; at < 1000; at += 1) await control.send(quietFrame(random.below(3)))
    const closed = once(stream, 'close')
    await control.send(Buffer.concat([Uint8Array.of(100 + random.below(100)), random.bytes(50)]))
    await closed
  }
  assert.deepEqual(await Array.fromAsync(victim.store.enumerate()), [])
  assert.equal(victim.lines.filter(line => line === 'peer away').length, 20)
  await assertOthersWork(host, victim, friend)
})

/** What may be said at any time. */
function quietFrame(kind: number): Uint8Array {
  if (kind === 0) return encodeMessage({ kind: 'ping', time: 0 })
  if (kind === 1) return encodeMessage({ kind: 'changed', set: 'data', isNew: true })
  return encodeMessage({ kind: 'rival', runId: 'fedcba9876543210' })
}

test('a second hello, a comparison out of turn and a frame without end end the line', async () => {
  const { host, victim, friend, liar } = await openLiar()
  await using _liar = liar
  const frames: readonly ((stream: Stream, control: FramedStream) => unknown)[] = [
    (_, control) => control.send(encodeMessage(hello)),
    (_, control) =>
      control.send(
        encodeMessage({
          kind: 'compare',
          set: 'claims',
          turn: 7,
          message: { kind: 'done', told: { youLack: [], iLack: [] } },
        }),
      ),
    stream => stream.send(Buffer.from([0xff, 0xff, 0xff, 0xff])),
    (_, control) => control.send(Uint8Array.of(200)),
  ]
  for (const say of frames) {
    const { control, stream } = await liar.begin()
    const closed = once(stream, 'close')
    await say(stream, control)
    await closed
  }
  await assertOthersWork(host, victim, friend)
})

test('wrong bytes for what is wanted end the line, and are not stored', async () => {
  const { host, victim, friend, liar } = await openLiar(async stream => {
    await stream.receive()
    await sendBlob(stream, Buffer.from('not what was asked for'))
  })
  await using _liar = liar
  victim.wanted.add(refOf(Buffer.from('wanted')))
  const { control, stream } = await liar.begin()
  const closed = once(stream, 'close')
  await control.send(encodeMessage({ kind: 'changed', set: 'data', isNew: true }))
  await closed
  assert.deepEqual(await Array.fromAsync(victim.store.enumerate()), [])
  await assertOthersWork(host, victim, friend)
})

test('a device that asks and never reads is held to its window, and one that asks too much is cut', async () => {
  const { host, victim, friend, liar } = await openLiar()
  await using _liar = liar
  const { ref } = await victim.door.receive(new Uint8Array(4 * 1024 * 1024))
  const [address = ''] = host.addresses()
  const before = process.memoryUsage().rss
  const stream = await liar.line.dialProtocol(multiaddr(address), BLOB_PROTOCOL)
  stream.pause()
  const asking = openFramedStream(stream)
  for (let at = 0; at < WAITING_REQUESTS_MAX; at += 1)
    await asking.send(encodeRefs(Array.from({ length: 100 }, () => ref)))
  await assertOthersWork(host, victim, friend)
  // 2.4 GB were asked for.
  assert.ok(process.memoryUsage().rss - before < 120 * 1024 * 1024, 'memory stays bounded')
  const closed = once(stream, 'close')
  await asking.send(encodeRefs([ref]))
  await closed
})
