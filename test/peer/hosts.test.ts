import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'

import { multiaddr } from '@multiformats/multiaddr'

import { systemClock } from '../../src/base/clock.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import {
  BLOB_PROTOCOL,
  EXCHANGE_PROTOCOL,
  openLine,
  PAIRING_PROTOCOL,
} from '../../src/peer/line.ts'
import type { Arrival } from '../../src/peer/source.ts'
import { makeTestDevice, openTestHost, rememberingMembers, untilConnected } from './test-device.ts'

test('two devices exchange what each lacks, what is wanted, and what comes later', async () => {
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const large = randomBytes(3 * 1024 * 1024)
  const { ref: first } = await left.door.receive(large)
  const { ref: second } = await right.door.receive(Buffer.from('from the right'))
  await using leftHost = await openTestHost(left, [right])
  await using _rightHost = await openTestHost(right, [left], { addresses: leftHost.addresses() })
  await Promise.all([right.until(first), left.until(second)])
  assert.deepEqual(Buffer.from((await right.store.fetch(first)) ?? []), large)
  const { ref: third } = await left.door.receive(Buffer.from('later'))
  await right.until(third)
})

test('what is wanted and only held, not compared, is fetched', async () => {
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const refs = []
  for (let i = 0; i < 1000; i++) refs.push((await left.door.receive(Buffer.from(`data ${i}`))).ref)
  for (const ref of refs) right.wanted.add(ref)
  right.wanted.add(refOf(Buffer.from('nobody has it')))
  const hidden = { ...left.source, enumerate: async function* (): AsyncGenerator<never> {} }
  await using leftHost = await openTestHost(left, [right], { source: hidden })
  await using _rightHost = await openTestHost(right, [left], { addresses: leftHost.addresses() })
  await Promise.all(refs.map(ref => right.until(ref)))
  assert.equal(right.wanted.size, 1)
})

test('a stranger is refused on every protocol, and learns nothing', async () => {
  const device = makeTestDevice()
  await using host = await openTestHost(device, [])
  const stranger = await openLine({ seed: randomBytes(32), listen: [], admits: () => true })
  try {
    const [address = ''] = host.addresses()
    for (const protocol of [EXCHANGE_PROTOCOL, BLOB_PROTOCOL, PAIRING_PROTOCOL]) {
      await assert.rejects(async () => {
        const stream = await stranger.dialProtocol(multiaddr(address), protocol)
        // The line is cut from the other side; a hello never comes.
        await once(stream, 'close')
        throw new Error('cut')
      })
    }
    assert.deepEqual(host.replica.sessions(), [])
    assert.deepEqual(
      device.lines.filter(line => line === 'peer connected'),
      [],
    )
  } finally {
    await stranger.stop()
  }
})

test('two devices know how far their clocks are apart', async () => {
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const hour = 3_600_000
  const ahead = { ...systemClock, now: () => systemClock.now() + hour }
  await using leftHost = await openTestHost(left, [right])
  await using rightHost = await openTestHost(right, [left], {
    addresses: leftHost.addresses(),
    clock: ahead,
  })
  const { ref } = await left.door.receive(Buffer.from('to know that they are connected'))
  await right.until(ref)
  const leads = [leftHost, rightHost].map(host => host.replica.sessions()[0]?.clock.lead())
  assert.deepEqual(
    leads.map(lead => Math.round((lead ?? 0) / hour)),
    [-1, 1],
  )
})

test('two devices that have only met a third one find each other, also when it is gone', async () => {
  const [laptop, nas, pc] = [makeTestDevice(), makeTestDevice(), makeTestDevice()]
  const all = [laptop, nas, pc]
  const open = (device: typeof laptop, first: Readonly<Record<string, readonly string[]>> = {}) => {
    const others = all.filter(other => other !== device)
    const keys = others.map(({ keyId }) => keyId)
    const membership = rememberingMembers(device.keyId, keys, first)
    return openTestHost(device, others, { membership })
  }
  const nasHost = await open(nas)
  const atNas = { [nas.keyId]: nasHost.addresses() }
  await using laptopHost = await open(laptop, atNas)
  await using pcHost = await open(pc, atNas)
  await Promise.all([laptopHost, nasHost, pcHost].map(host => untilConnected(host, 2)))
  await nasHost.close()
  const { ref } = await laptop.door.receive(Buffer.from('past the one that is gone'))
  await pc.until(ref)
})

test('on a long line blobs come over several streams, each once', async () => {
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const refs = []
  for (let at = 0; at < 1100; at += 1)
    refs.push((await left.door.receive(randomBytes(20 + (at % 40) * 700))).ref)
  for (const ref of refs) right.wanted.add(ref)
  const taken: string[] = []
  const source = {
    ...right.source,
    async take(arrival: Arrival) {
      taken.push(arrival.ref ?? '')
      return right.source.take(arrival)
    },
  }
  const hidden = { ...left.source, enumerate: async function* (): AsyncGenerator<never> {} }
  let answering = 0
  let most = 0
  const counting = {
    ...hidden,
    async stat(some: readonly BlobRef[]) {
      answering += 1
      most = Math.max(most, answering)
      // As long as others are asked: a turn of the event loop each.
      for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
      answering -= 1
      return left.source.stat(some)
    },
  }
  await using leftHost = await openTestHost(left, [right], { source: counting, longLineMs: -1 })
  await using _right = await openTestHost(right, [left], {
    source,
    addresses: leftHost.addresses(),
    longLineMs: -1,
  })
  for (const ref of refs) await right.until(ref)
  assert.deepEqual(taken.toSorted(), refs.toSorted())
  assert.ok(most > 1, 'several lines are answered beside each other')
})

test('an address that is none keeps nobody from being called, at the others nor elsewhere', async () => {
  const [laptop, nas, pc] = [makeTestDevice(), makeTestDevice(), makeTestDevice()]
  await using nasHost = await openTestHost(nas, [laptop])
  const lies = ['', 'somewhere', '/ip4/300.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/99999', '/p2p/none']
  const membership = rememberingMembers(laptop.keyId, [pc.keyId, nas.keyId], {
    [pc.keyId]: lies,
    [nas.keyId]: [...lies, ...nasHost.addresses()],
  })
  await using _laptopHost = await openTestHost(laptop, [pc, nas], { membership })
  await untilConnected(nasHost)
})
