import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { type BootstrapNode, openBootstrapNode } from '../../src/peer/bootstrap-node.ts'
import type { PeerHost } from '../../src/peer/host.ts'
import type { RelayLimits } from '../../src/peer/relay-service.ts'
import { isRelayed } from '../../src/peer/relayed.ts'
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
