import assert from 'node:assert/strict'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import { openScrub } from '../../src/node/scrub.ts'
import { assertKept, untilEqual } from './equality.ts'
import type { SimNode } from './sim-node.ts'
import { openWorld, type SimDevice } from './world.ts'

/** Changes one bit in the middle of a blob, in whichever pack it lies. */
async function flipBit({ files }: SimDevice, node: SimNode, ref: BlobRef): Promise<void> {
  const bytes = await node.store.fetch(ref)
  assert.ok(bytes)
  for (const side of ['meta', 'data']) {
    const path = `/blobs/${side}/pack-00000.blobs`
    const pack = Buffer.from((await files.readFile(path)) ?? [])
    const at = pack.indexOf(bytes)
    if (at < 0) continue
    const place = at + Math.floor(bytes.length / 2)
    const file = await files.open(path, 'update')
    await file?.write([Uint8Array.of((pack[place] ?? 0) ^ 1)], place)
    await file?.sync()
    await file?.close()
    return
  }
  assert.fail(`${ref} lies in no pack`)
}

async function damagedOf(node: SimNode, refs: readonly BlobRef[]): Promise<BlobRef[]> {
  const gone: BlobRef[] = []
  for (const ref of refs) {
    const bytes = await node.store.fetch(ref).catch(() => undefined)
    if (!bytes) gone.push(ref)
  }
  return gone
}

test('what rots on one device is found by its scrub, and comes again from another one', async () => {
  const world = await openWorld(11)
  for (let round = 0; round < 5; round += 1) await world.actAll()
  await world.heal()
  await untilEqual(world)
  const [device] = world.devices
  const node = device?.node
  assert.ok(device && node)
  const refs = (await Array.fromAsync(node.store.enumerate())).map(({ ref }) => ref)
  const rotten = refs.filter((_, at) => at % 3 === 0)
  assert.ok(rotten.length >= 10)
  for (const ref of rotten) await flipBit(device, node, ref)
  const scrub = openScrub({
    store: node.store,
    state: openMemoryKeyValue(),
    clock: world.clock,
    log: silentLog,
    days: 30,
  })
  await world.clock.advance(120_000)
  await scrub.close()
  assert.deepEqual(await damagedOf(node, refs), [])
  await untilEqual(world)
  await assertKept(world)
  await world.close()
})
