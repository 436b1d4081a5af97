import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { refOf } from '../../src/blob/ref.ts'
import { openDeviceRoutes } from '../../src/http/node-routes.ts'
import { openConnectionServer } from '../../src/http/server.ts'
import type { Node } from '../../src/node/node.ts'
import { openHomes, operate, until } from './homes.ts'

const refsOf = async (node: Node): Promise<string[]> =>
  (await Array.fromAsync(node.store.enumerate())).map(({ ref }) => ref)

test('the blobs of another device are copied from it and to it, over the line between them', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const laptop = await homes.open('laptop', { isConnected: true })
  const nas = await homes.join(laptop, 'nas')
  await until(laptop, async () => laptop.network?.peers().some(peer => peer.isConnected) === true)
  await using server = openConnectionServer(openDeviceRoutes(nas), { log: silentLog })
  const folder = `plain+file://${join(homes.directory, 'folder')}`

  // Nobody serves it there yet.
  await assert.rejects(operate(laptop, 'sync', { from: 'peer:nas', to: folder, plain: true }), {
    code: 'PEER_UNREACHABLE',
  })
  nas.network?.serveTunnels(server.accept)

  // Larger than a frame, than a window of the line, and than nothing.
  const raw = [0, 1, 70_000, 3_000_000].map(size => randomBytes(size))
  for (const bytes of raw) await nas.door.receive(bytes)
  const out = await operate(laptop, 'sync', { from: 'peer:nas', to: folder, plain: true })
  assert.equal(out.result['failed'], 0)
  assert.equal(out.result['copied'], (await refsOf(nas)).length)

  const mine = randomBytes(500_000)
  await laptop.door.receive(mine)
  const there = await operate(laptop, 'sync', { from: 'here', to: 'peer:nas' })
  assert.equal(there.result['failed'], 0)
  assert.ok(Buffer.from((await nas.store.fetch(refOf(mine))) ?? []).equals(mine))

  const back = await operate(laptop, 'sync', { from: 'peer:nas', to: 'here' })
  assert.equal(back.result['failed'], 0)
  for (const bytes of raw)
    assert.ok(Buffer.from((await laptop.store.fetch(refOf(bytes))) ?? []).equals(bytes))
  await assert.rejects(operate(laptop, 'sync', { from: 'peer:nobody', to: 'here' }), {
    code: 'NOT_FOUND',
  })
})
