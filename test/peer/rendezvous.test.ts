import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openBootstrapNode } from '../../src/peer/bootstrap-node.ts'
import { openPeerHost, type PeerHost } from '../../src/peer/host.ts'
import type { Membership, ReplicaSource } from '../../src/peer/source.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import type { KeyId } from '../../src/schema/signer.ts'

async function* nothing(): AsyncGenerator<never> {}

const emptySource: ReplicaSource = {
  enumerate: nothing,
  fetch: async () => undefined,
  take: async () => true,
  settled: async () => undefined,
  wants: nothing,
  holds: async () => false,
}

interface Device {
  readonly seed: Uint8Array
  readonly keyId: KeyId
}

function makeDevice(): Device {
  const seed = randomBytes(32)
  return { seed, keyId: ed25519Signer(seed).keyId }
}

/** A device that remembers nobody's address but `stale` ones. */
function openHost(
  self: Device,
  members: readonly KeyId[],
  { bootstrap, stale = [] }: { bootstrap: readonly string[]; stale?: readonly string[] },
): Promise<PeerHost> {
  const membership: Membership = {
    self: self.keyId,
    name: () => 'device',
    isMember: key => members.includes(key),
    members: () => members,
    onChange: () => () => undefined,
    addresses: async () => stale,
    remember: async () => undefined,
  }
  return openPeerHost({
    seed: self.seed,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap,
    source: emptySource,
    membership,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  })
}

async function untilConnected(host: PeerHost): Promise<void> {
  while (host.sessions().length === 0) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = host.onChange(resolve)
    if (host.sessions().length > 0) resolve()
    await promise
    stop()
  }
}

test('two devices with nothing but the address of a bootstrap node find each other', async () => {
  await using node = await openBootstrapNode({
    seed: randomBytes(32),
    listen: ['/ip4/127.0.0.1/tcp/0'],
  })
  const bootstrap = node.addresses()
  const [left, right] = [makeDevice(), makeDevice()]
  // Where the other one was before, somebody else listens now, or nobody.
  const stale = ['/ip4/127.0.0.1/tcp/1']
  await using leftHost = await openHost(left, [right.keyId], { bootstrap, stale })
  await using rightHost = await openHost(right, [left.keyId], { bootstrap, stale })
  await Promise.all([untilConnected(leftHost), untilConnected(rightHost)])
  assert.deepEqual(
    [leftHost, rightHost].map(host => host.sessions().map(session => session.keyId)),
    [[right.keyId], [left.keyId]],
  )
})
