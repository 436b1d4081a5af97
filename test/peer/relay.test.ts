import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'

import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'

import { type Clock, systemClock } from '../../src/base/clock.ts'
import { type BootstrapNode, openBootstrapNode } from '../../src/peer/bootstrap-node.ts'
import type { PeerHost } from '../../src/peer/host.ts'
import { type Line, openLine } from '../../src/peer/line.ts'
import type { RelayLimits } from '../../src/peer/relay-service.ts'
import { isRelayed, RELAYED } from '../../src/peer/relayed.ts'
import {
  makeTestDevice,
  openTestHost,
  rememberingMembers,
  type TestDevice,
  untilConnected,
} from './test-device.ts'

/** Devices here cannot be called at all: they listen nowhere. */
const unreachable = { listen: [] } as const

function openNode(relay: RelayLimits = {}): Promise<BootstrapNode> {
  return openBootstrapNode({ seed: randomBytes(32), listen: ['/ip4/127.0.0.1/tcp/0'], relay })
}

async function untilAlone({ replica }: PeerHost): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = (): void => {
    if (replica.sessions().length === 0) resolve()
  }
  const stop = replica.onChange(look)
  look()
  await promise
  stop()
}

const pathsOf = (host: PeerHost): boolean[] =>
  host.replica.sessions().map(({ path }) => isRelayed(path))

test('two devices that nobody can call exchange what each lacks through a bootstrap node', async () => {
  await using node = await openNode()
  const bootstrap = node.addresses()
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const large = randomBytes(3 * 1024 * 1024)
  const { ref: first } = await left.door.receive(large)
  const { ref: second } = await right.door.receive(Buffer.from('from the right'))
  await using leftHost = await openTestHost(left, [right], { bootstrap, ...unreachable })
  await using rightHost = await openTestHost(right, [left], { bootstrap, ...unreachable })
  await Promise.all([right.until(first), left.until(second)])
  assert.deepEqual(Buffer.from((await right.store.fetch(first)) ?? []), large)
  assert.deepEqual([...pathsOf(leftHost), ...pathsOf(rightHost)], [true, true])
})

test('what is more than a relay carries at a time comes all the same', async () => {
  await using node = await openNode({ bytes: 2 * 1024 * 1024 })
  const bootstrap = node.addresses()
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const refs = []
  for (let at = 0; at < 6; at += 1)
    refs.push((await left.door.receive(randomBytes(512 * 1024))).ref)
  await using _left = await openTestHost(left, [right], { bootstrap, ...unreachable })
  await using _right = await openTestHost(right, [left], { bootstrap, ...unreachable })
  await Promise.all(refs.map(ref => right.until(ref)))
})

test('a stranger that comes through the relay is refused like any other', async () => {
  await using node = await openNode()
  const bootstrap = node.addresses()
  const [device, stranger] = [makeTestDevice(), makeTestDevice()]
  await using host = await openTestHost(device, [makeTestDevice()], { bootstrap, ...unreachable })
  await using strangerHost = await openTestHost(stranger, [device], { bootstrap, ...unreachable })
  const other = makeTestDevice()
  // When two devices have met through the node, the stranger has had as much time as they.
  const friends: [TestDevice, TestDevice] = [makeTestDevice(), other]
  await using one = await openTestHost(friends[0], [other], { bootstrap, ...unreachable })
  await using _two = await openTestHost(other, [friends[0]], { bootstrap, ...unreachable })
  await untilConnected(one)
  assert.deepEqual([host.replica.sessions(), strangerHost.replica.sessions()], [[], []])
})

test('a line of its own takes the place of one through a relay', async () => {
  await using node = await openNode()
  const bootstrap = node.addresses()
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const membership = rememberingMembers(left.keyId, [right.keyId])
  await using leftHost = await openTestHost(left, [right], {
    bootstrap,
    membership,
    ...unreachable,
  })
  const first = await openTestHost(right, [left], { bootstrap, ...unreachable })
  await untilConnected(leftHost)
  assert.deepEqual(pathsOf(leftHost), [true])
  await first.close()
  // Now it listens, and says so when they meet again.
  await using rightHost = await openTestHost(right, [left], { bootstrap })
  await new Promise<void>(resolve => {
    const look = (): void => {
      if (pathsOf(rightHost)[0] === false && pathsOf(leftHost)[0] === false) resolve()
    }
    rightHost.replica.onChange(look)
    leftHost.replica.onChange(look)
    look()
  })
  const { ref } = await left.door.receive(Buffer.from('directly'))
  await right.until(ref)
})

/** Looks after its nodes and devices without a pause. */
const hasty: Clock = {
  ...systemClock,
  after: (ms, action) => systemClock.after(Math.min(ms, 100), action),
}

test('devices come back to a relay that was away for a while', async () => {
  const seed = randomBytes(32)
  const first = await openBootstrapNode({ seed, listen: ['/ip4/127.0.0.1/tcp/0'] })
  const bootstrap = first.addresses()
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  const options = { bootstrap, clock: hasty, ...unreachable }
  await using leftHost = await openTestHost(left, [right], options)
  await using rightHost = await openTestHost(right, [left], options)
  await Promise.all([untilConnected(leftHost), untilConnected(rightHost)])
  await first.close()
  await Promise.all([untilAlone(leftHost), untilAlone(rightHost)])
  const listen = bootstrap.map(address => address.slice(0, address.indexOf('/p2p/')))
  await using _second = await openBootstrapNode({ seed, listen })
  const { ref } = await left.door.receive(Buffer.from('after the relay was away'))
  await right.until(ref)
})

/** A device that is called through the node, as far as the line to it goes. */
async function openPlaced(bootstrap: readonly string[]): Promise<Placed> {
  const line = await openLine({ seed: randomBytes(32), listen: [], admits: () => true, bootstrap })
  const identified = once(line, 'peer:identify')
  const { remotePeer } = await line.dial(bootstrap.map(address => multiaddr(address)))
  await identified
  return {
    line,
    reserve: () => line.services.reservations.reserve(remotePeer),
    call: other => {
      const through = bootstrap.map(
        address => `${address}${RELAYED}/p2p/${other.line.peerId.toString()}`,
      )
      return line.dial(through.map(address => multiaddr(address)))
    },
    [Symbol.asyncDispose]: async () => line.stop(),
  }
}

interface Placed extends AsyncDisposable {
  readonly line: Line
  reserve(): Promise<void>
  call(other: Placed): Promise<Connection>
}

/** What is refused at first and succeeds in the end. */
async function untilDone<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch {
      // The other side has not noticed yet; each attempt asks it.
    }
  }
}

test('a relay with no place left takes the next device in when another has gone', async () => {
  await using node = await openNode({ reservations: 1 })
  const first = await openPlaced(node.addresses())
  await first.reserve()
  await using second = await openPlaced(node.addresses())
  await assert.rejects(second.reserve())
  await first[Symbol.asyncDispose]()
  await untilDone(() => second.reserve())
  await using third = await openPlaced(node.addresses())
  await third.call(second)
})

test('a relay carries no more lines at a time than it may', async () => {
  await using node = await openNode({ lines: 1 })
  const devices = await Promise.all([1, 2, 3, 4].map(() => openPlaced(node.addresses())))
  const [one, two, three, four] = devices as [Placed, Placed, Placed, Placed]
  await Promise.all([two.reserve(), four.reserve()])
  const connection = await one.call(two)
  await assert.rejects(three.call(four))
  await connection.close()
  await untilDone(() => three.call(four))
  await Promise.all(devices.map(device => device[Symbol.asyncDispose]()))
})
