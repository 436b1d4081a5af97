import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { openBootstrapNode } from '../../src/peer/bootstrap-node.ts'
import { makeTestDevice, openTestHost, untilConnected } from './test-device.ts'

test('two devices with nothing but the address of a bootstrap node find each other', async () => {
  await using node = await openBootstrapNode({
    seed: randomBytes(32),
    listen: ['/ip4/127.0.0.1/tcp/0'],
  })
  const bootstrap = node.addresses()
  const [left, right] = [makeTestDevice(), makeTestDevice()]
  // Where the other one was before, somebody else listens now, or nobody.
  const addresses = ['/ip4/127.0.0.1/tcp/1']
  await using leftHost = await openTestHost(left, [right], { bootstrap, addresses })
  await using rightHost = await openTestHost(right, [left], { bootstrap, addresses })
  await Promise.all([untilConnected(leftHost), untilConnected(rightHost)])
  assert.deepEqual(
    [leftHost, rightHost].map(host => host.replica.sessions().map(session => session.keyId)),
    [[right.keyId], [left.keyId]],
  )
})
