import assert from 'node:assert/strict'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { ClaimWriter } from '../../src/node/claim-writer.ts'
import { type LooseKeeper, type LooseParts, openLooseKeeper } from '../../src/node/loose.ts'
import type { Node } from '../../src/node/node.ts'
import { makeClaim, makePermanode } from '../../src/schema/claims.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { LOOSE_ATTRIBUTE, loosePermanodeKey } from '../../src/schema/well-known.ts'
import { signerNamed } from '../index/index-world.ts'
import { openSimClock } from '../sim/sim-clock.ts'
import { openHomes, operate, until } from './homes.ts'

const minute = 60_000

/** A keeper beside the node's own, over the same parts. */
function keeperOf(node: Node, more: Partial<LooseParts> = {}): LooseKeeper {
  return openLooseKeeper({
    device: node.device.keyId,
    state: node.state,
    store: node.store,
    door: node.door,
    index: () => node.index,
    claims: node.claims,
    clock: node.system.clock,
    log: silentLog,
    isWatching: false,
    ...more,
  })
}

/** Raw blobs come in as over HTTP: noted, then stored. */
async function upload(node: Node, keeper: LooseKeeper, ...blobs: Uint8Array[]): Promise<BlobRef[]> {
  const refs = blobs.map(refOf)
  await keeper.note(refs)
  for (const bytes of blobs) await node.door.receive(bytes)
  return refs
}

const data = (text: string): Uint8Array => Buffer.from(`raw ${text}`)

function fileOf(...parts: Uint8Array[]): Uint8Array {
  const pieces = parts.map(bytes => ({ size: bytes.length, blobRef: refOf(bytes) }))
  return writeSchema({ type: 'file', parts: pieces })
}

async function listed(node: Node): Promise<string[]> {
  const { items } = await operate(node, 'blobs', { loose: true })
  return items.map(({ ref, pinned }) => `${ref as string}${pinned === true ? '' : ' not yet'}`)
}

async function pins(node: Node): Promise<number> {
  await node.index.catchUp()
  const permanode = await node.index.plannedPermanode(loosePermanodeKey(node.device.keyId))
  const state = permanode && (await node.index.permanode(permanode))
  return state?.attributes.get(LOOSE_ATTRIBUTE)?.length ?? 0
}

async function notedCount(keeper: LooseKeeper): Promise<number> {
  return (await Array.fromAsync(keeper.noted())).length
}

test('only what nothing reaches is pinned: roots, not their pieces, and nothing that is signed', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const clock = openSimClock()
  const node = await homes.open('laptop', { clock })
  const { loose } = node
  const [alone, chunk, claimedChunk, ofStranger] = ['a', 'b', 'c', 'd'].map(data) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const [file, claimed] = [fileOf(chunk), fileOf(claimedChunk)]
  const stranger = signerNamed('stranger')
  const strangersPermanode = makePermanode({ key: 'x' }, stranger, 1n)
  const strangersClaim = makeClaim(
    {
      claimType: 'set-attribute',
      permanode: refOf(strangersPermanode),
      attribute: 'camliContent',
      value: refOf(ofStranger),
    },
    stranger,
    1n,
  )
  await upload(node, loose, alone, chunk, claimedChunk, file, claimed, ofStranger)
  await upload(node, loose, stranger.keyBlob, strangersPermanode, strangersClaim)
  // To mention a blob is not to need it: other devices would not fetch it for that.
  const mentioned = data('mentioned')
  const note = { camliVersion: 1, camliType: 'x-note', about: refOf(mentioned) }
  const noteBlob = Buffer.from(JSON.stringify(note))
  await upload(node, loose, mentioned, noteBlob)
  const permanode = await node.claims.randomPermanode()
  await node.claims.sign({
    claimType: 'set-attribute',
    permanode,
    attribute: 'camliContent',
    value: refOf(claimed),
  })
  const [onTheWay] = [refOf(data('on the way'))]
  await loose.note([onTheWay])

  const roots = [alone, file, ofStranger, mentioned, noteBlob].map(refOf).sort()
  assert.deepEqual(
    await listed(node),
    roots.map(ref => `${ref} not yet`),
  )
  assert.deepEqual(await loose.settle(), { pinned: 5, reached: 6, gone: 0, refusal: undefined })
  assert.deepEqual(await listed(node), roots)
  // What is not here may be about to be stored; when that is over it is forgotten.
  assert.deepEqual(
    (await Array.fromAsync(loose.noted())).map(({ ref }) => ref),
    [onTheWay],
  )
  await clock.advance(5 * minute)
  assert.deepEqual(await loose.settle(), { pinned: 0, reached: 0, gone: 1, refusal: undefined })
  assert.equal(await notedCount(loose), 0)
  assert.equal(await pins(node), 1)

  // Uploaded again it is pinned already, and a claim that comes late takes it off the list.
  await upload(node, loose, alone)
  assert.equal((await loose.settle()).pinned, 0)
  await node.claims.sign({
    claimType: 'set-attribute',
    permanode,
    attribute: 'camliContent',
    value: refOf(file),
  })
  assert.deepEqual(
    await listed(node),
    roots.filter(ref => ref !== refOf(file)),
  )
})

test('it looks by itself after quiet minutes, not in the middle of an upload, and after a restart', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const clock = openSimClock()
  const before = await homes.open('laptop', { clock })
  const first = keeperOf(before, { isWatching: true })
  await upload(before, first, data('one'))
  for (let minutes = 0; minutes < 12; minutes += 4) {
    await clock.advance(4 * minute)
    await upload(before, first, data(String(minutes)))
    assert.equal(await pins(before), 0)
  }
  await first.close()
  assert.equal(await notedCount(first), 4)
  await before.close()

  const node = await homes.open('laptop', { clock })
  const second = keeperOf(node, { isWatching: true })
  assert.equal(await notedCount(second), 4)
  await clock.advance(5 * minute)
  await until(node, async () => (await pins(node)) === 1)
  await second.close()
  assert.equal((await listed(node)).length, 4)

  // One that never pauses is looked at in the end, some of it hours after it came.
  const third = keeperOf(node, { isWatching: true })
  const [again] = await upload(node, third, data('on and on'))
  for (let minutes = 0; minutes < 6 * 60; minutes += 4) {
    assert.equal(await pins(node), 1)
    await third.note([again ?? assert.fail('no ref')])
    await clock.advance(4 * minute)
  }
  await until(node, async () => (await pins(node)) === 2)
  await third.close()
})

test('while the clock is off it waits, and when signing fails in the middle nothing is forgotten', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const clock = openSimClock()
  const node = await homes.open('laptop', { clock })
  let refusal: string | undefined = 'the clock is off'
  let isFailing = true
  const claims: ClaimWriter = {
    ...node.claims,
    refusal: () => refusal,
    async sign(claim, date) {
      if (isFailing) throw new Error('no power')
      return node.claims.sign(claim, date)
    },
  }
  const keeper = keeperOf(node, { claims })
  const [ref] = await upload(node, keeper, data('one'))
  assert.deepEqual((await keeper.settle()).refusal, refusal)
  assert.equal(await notedCount(keeper), 1)
  refusal = undefined
  await assert.rejects(keeper.settle(), /no power/)
  isFailing = false
  assert.equal((await keeper.settle()).pinned, 1)
  assert.equal(await pins(node), 1)
  assert.equal(await notedCount(keeper), 0)
  // The set that was stored before the failure reaches the blob, and is what the pin names.
  const sets = await Array.fromAsync(
    node.index.needers([ref ?? assert.fail('no ref')]),
    ({ by }) => by,
  )
  assert.equal(sets.length, 1)
  assert.deepEqual(await listed(node), sets)
})

test('a blob that is noted again while it is looked for stays noted', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const clock = openSimClock()
  const node = await homes.open('laptop', { clock })
  const bytes = data('late')
  const store = {
    stat: async (refs: readonly BlobRef[]) => {
      const sizes = await node.store.stat(refs)
      await keeper.note(refs)
      return sizes
    },
  }
  const keeper = keeperOf(node, { store })
  await keeper.note([refOf(bytes)])
  await clock.advance(60 * minute)
  assert.equal((await keeper.settle()).gone, 0)
  await node.door.receive(bytes)
  assert.equal((await node.loose.settle()).pinned, 1)
})

test('more than one pin names is pinned by several, and each blob is listed once', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const node = await homes.open('laptop', { clock: openSimClock() })
  const blobs = Array.from({ length: 1500 }, (_, i) => data(`many ${i}`))
  const refs = blobs.map(refOf)
  const keeper = keeperOf(node, { pinRefsMax: 1000 })
  await keeper.note(refs)
  await Promise.all(blobs.map(bytes => node.door.receive(bytes)))
  assert.equal((await keeper.settle()).pinned, refs.length)
  assert.deepEqual([await pins(node), await notedCount(keeper)], [2, 0])
  assert.deepEqual((await listed(node)).sort(), refs.sort())
})

test('raw blobs reach the second device, and both list them', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const laptop = await homes.open('laptop', { isConnected: true })
  const blobs = Array.from({ length: 50 }, (_, i) => data(`blob ${i}`))
  const refs = (await upload(laptop, laptop.loose, ...blobs)).sort()
  const nas = await homes.join(laptop, 'nas')
  assert.deepEqual(
    (await nas.store.stat(refs)).filter(size => size !== undefined),
    [],
  )
  assert.equal((await laptop.loose.settle()).pinned, 50)
  await until(nas, async () => (await nas.store.stat(refs)).every(size => size !== undefined))
  assert.deepEqual(await listed(nas), refs)
  assert.deepEqual(await listed(laptop), refs)
  const { items } = await operate(nas, 'blobs', { loose: true, limit: 1 })
  assert.deepEqual([items.length, items[0]?.['device']], [1, 'laptop'])
})
