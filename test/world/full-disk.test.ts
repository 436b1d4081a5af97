import assert from 'node:assert/strict'
import { test } from 'node:test'

import { assertKept, untilEqual } from './equality.ts'
import { openWorld } from './world.ts'

test('a disk that is full in the middle of a sync pauses it, and it goes on when there is room', async () => {
  const world = await openWorld(23)
  await world.actAll()
  await world.heal()
  await untilEqual(world)
  const [device] = world.devices
  const node = device?.node
  assert.ok(device && node)
  const before = (await Array.fromAsync(node.store.enumerate())).map(({ ref }) => ref)
  let refused = 0
  device.files.failure = (kind, path) => {
    if (kind !== 'write' || !path.startsWith('/blobs/')) return undefined
    refused += 1
    return 'DISK_FULL'
  }
  for (const other of world.devices) {
    const claims = other === device ? undefined : other.node?.claims
    for (let at = 0; at < 5; at += 1) await claims?.randomPermanode()
  }
  await world.clock.advance(120_000)
  assert.ok(refused > 0)
  const paused = node.replica.sessions().map(session => session.state().paused)
  assert.ok(
    paused.some(reason => reason === 'the disk is full'),
    String(paused),
  )
  // It was asked again and again whether there is room, not all the time.
  assert.ok(refused < 100, `${refused} writes`)
  // What is here is read and served as before.
  for (const ref of before) assert.ok(await node.store.fetch(ref))
  assert.equal(node.replica.sessions().length, world.devices.length - 1)
  device.files.failure = undefined
  await untilEqual(world)
  await assertKept(world)
  assert.deepEqual(
    node.replica.sessions().map(session => session.state().paused),
    world.devices.slice(1).map(() => undefined),
  )
  await world.close()
})
