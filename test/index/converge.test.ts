import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { refOf } from '../../src/blob/ref.ts'
import { type World, openWorld } from './index-world.ts'
import { membersNow } from './members-since.ts'
import type { SignedBytes } from './naive-blobs.ts'
import { randomBlobs } from './random-blobs.ts'

const runs = process.env['SLOW'] === '1' ? 2000 : 100

/** All that can be asked about what both have. */
async function assertSame(one: World, other: World): Promise<void> {
  const { members } = await membersNow(one)
  assert.deepEqual((await membersNow(other)).members, members)
  assert.deepEqual(other.index.trust.devices(), one.index.trust.devices())
  for (const ref of members) {
    assert.deepEqual(await other.index.permanode(ref), await one.index.permanode(ref))
    assert.deepEqual(
      await Array.fromAsync(other.index.claims(ref)),
      await Array.fromAsync(one.index.claims(ref)),
    )
  }
}

test('a device that has the members alone, and none of what is disputed or foreign, answers the same', async () => {
  await fc.assert(
    fc.asyncProperty(randomBlobs, async blobs => {
      const [full, bare] = [await openWorld(), await openWorld()]
      await full.add(...blobs.map(blob => blob.bytes))
      const { members } = await membersNow(full)
      const sent = blobs.filter(({ bytes }) => members.has(refOf(bytes)))
      await bare.add(...sent.map(blob => blob.bytes))
      await assertSame(bare, full)
    }),
    { numRuns: runs },
  )
})

/** Brings one what the other has in its sets, as far as it may be stored; answers whether any was new. */
async function send(from: World, to: World, all: readonly SignedBytes[]): Promise<boolean> {
  const { members } = await membersNow(from)
  let isNew = false
  for (const { bytes, keyId } of all) {
    const ref = refOf(bytes)
    if (!members.has(ref) || (await to.store.stat([ref]))[0] !== undefined) continue
    const isSigned = String(bytes).includes('camliSig')
    if (isSigned && !(await to.index.mayStore(keyId, ref))) continue
    await to.add(bytes)
    isNew = true
  }
  return isNew
}

test('two devices that send each other their members, and store what may be, end with the same', async () => {
  const parted = randomBlobs.chain(blobs =>
    fc.record({
      blobs: fc.constant(blobs),
      order: fc.shuffledSubarray([...blobs], { minLength: blobs.length }),
      /** Which of the two has a blob from the beginning: one, the other, both, or nobody. */
      places: fc.array(fc.nat({ max: 3 }), { minLength: blobs.length, maxLength: blobs.length }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(parted, async ({ blobs, order, places }) => {
      const [one, other] = [await openWorld(), await openWorld()]
      const at = (which: readonly number[]): Uint8Array[] =>
        blobs.filter((_, i) => which.includes(places[i] ?? 3)).map(blob => blob.bytes)
      await one.add(...at([0, 2]))
      await other.add(...at([1, 2]))
      while ((await send(one, other, order)) || (await send(other, one, order))) continue
      await assertSame(one, other)
    }),
    { numRuns: runs },
  )
})
