import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'

import { multiaddr } from '@multiformats/multiaddr'

import { systemClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobStore } from '../../src/blob/store.ts'
import { openPeerHost, type PeerHost } from '../../src/peer/host.ts'
import { EXCHANGE_PROTOCOL, openLine, PAIRING_PROTOCOL } from '../../src/peer/line.ts'
import type { Membership, ReplicaSource } from '../../src/peer/source.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import type { KeyId } from '../../src/schema/signer.ts'

interface Device {
  readonly seed: Uint8Array
  readonly keyId: KeyId
  readonly store: BlobStore
  readonly wanted: Set<BlobRef>
  readonly lines: string[]
  readonly arrived: EventTarget
}

function makeDevice(): Device {
  const seed = randomBytes(32)
  const store = openMemoryStore({ classify: () => 'data' })
  const keyId = ed25519Signer(seed).keyId
  return { seed, keyId, store, wanted: new Set(), lines: [], arrived: new EventTarget() }
}

function sourceOf({ store, wanted, arrived }: Device): ReplicaSource {
  const door = openDoor(store, () => undefined)
  return {
    // Everything counts as schema here, so that all of it is compared.
    enumerate: (set, after) => (set === 'schema' ? store.enumerate(after) : nothing()),
    fetch: ref => store.fetch(ref),
    async take(_set, ref, bytes) {
      await door.receive(bytes, ref)
      wanted.delete(ref)
      arrived.dispatchEvent(new Event('blob'))
      return true
    },
    settled: async () => undefined,
    async *wants() {
      yield* wanted
    },
    holds: async ref => (await store.stat([ref]))[0] !== undefined,
  }
}

async function* nothing(): AsyncGenerator<never> {}

function membershipOf(
  self: Device,
  others: readonly Device[],
  addresses: readonly string[],
): Membership {
  return {
    self: self.keyId,
    name: () => 'device',
    isMember: key => others.some(other => other.keyId === key),
    members: () => others.map(other => other.keyId),
    onChange: () => () => undefined,
    addresses: async () => addresses,
    remember: async () => undefined,
  }
}

function openHost(
  device: Device,
  others: readonly Device[],
  addresses: readonly string[],
): Promise<PeerHost> {
  const write = (event: string): void => void device.lines.push(event)
  const log: Log = { info: write, warn: write }
  return openPeerHost({
    seed: device.seed,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    source: sourceOf(device),
    membership: membershipOf(device, others, addresses),
    clock: systemClock,
    random: systemRandom,
    log,
  })
}

async function until(device: Device, ref: BlobRef): Promise<void> {
  while ((await device.store.stat([ref]))[0] === undefined) await once(device.arrived, 'blob')
}

test('two devices exchange what each lacks, and what comes later', async () => {
  const [left, right] = [makeDevice(), makeDevice()]
  const put = (device: Device, bytes: Uint8Array): Promise<{ ref: BlobRef }> =>
    openDoor(device.store, () => undefined).receive(bytes)
  const large = randomBytes(3 * 1024 * 1024)
  const { ref: first } = await put(left, large)
  const { ref: second } = await put(right, Buffer.from('from the right'))
  await using leftHost = await openHost(left, [right], [])
  await using _rightHost = await openHost(right, [left], leftHost.addresses())
  await Promise.all([until(right, first), until(left, second)])
  assert.deepEqual(Buffer.from((await right.store.fetch(first)) ?? []), large)
  const { ref: third } = await put(left, Buffer.from('later'))
  leftHost.changed()
  await until(right, third)
  assert.deepEqual(await leftHost.holders(first), [right.keyId])
  assert.deepEqual(await leftHost.holders(refOf(Buffer.from('nobody has it'))), [])
})

test('a stranger is refused on every protocol, and learns nothing', async () => {
  const device = makeDevice()
  await using host = await openHost(device, [], [])
  const stranger = await openLine({ seed: randomBytes(32), listen: [], admits: () => true })
  try {
    const [address = ''] = host.addresses()
    for (const protocol of [EXCHANGE_PROTOCOL, PAIRING_PROTOCOL]) {
      await assert.rejects(async () => {
        const stream = await stranger.dialProtocol(multiaddr(address), protocol)
        // The line is cut from the other side; a hello never comes.
        await once(stream, 'close')
        throw new Error('cut')
      })
    }
    assert.deepEqual(host.sessions(), [])
    assert.deepEqual(
      device.lines.filter(line => line === 'peer connected'),
      [],
    )
  } finally {
    await stranger.stop()
  }
})
