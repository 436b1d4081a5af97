import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import {
  at,
  attribute,
  deletion,
  openWorld,
  owner,
  planned,
  rowsOf,
  signerNamed,
} from './index-world.ts'

const DAY = 86_400_000
const nas = signerNamed('nas')
const album = planned('album', owner)
const now = Date.UTC(2026, 0, 1)

/** Seconds of `at` that are `days` after now. */
function inDays(days: number): number {
  return (now - Date.UTC(2025, 0, 1) + days * DAY) / 1000
}

function titled(title: string, seconds: number): Uint8Array {
  return attribute(refOf(album), ['title', title], { signer: nas, date: at(seconds) })
}

const due = titled('Due', inDays(-1))
const ahead = titled('Two days ahead', inDays(2))
const gone = attribute(refOf(album), ['tag', 'sea'], { signer: owner, date: at(5) })
const blobs = [
  owner.keyBlob,
  nas.keyBlob,
  ...makeCertificate({ device: nas, name: 'nas', role: 'device' }, owner, () => at(1)),
  album,
  due,
  ahead,
  gone,
  deletion(refOf(gone), owner, at(inDays(2))),
]

test('one clock three days ahead, then mended: both devices show the same again, now and when it is due', async () => {
  const [right, wrong] = [await openWorld(), await openWorld()]
  wrong.clock.setWall(now + 3 * DAY)
  for (const world of [right, wrong]) await world.add(...blobs)
  const titles = async (): Promise<unknown[]> =>
    Promise.all(
      [right, wrong].map(async ({ index }) => {
        const state = await index.permanode(refOf(album))
        return [state?.attributes.get('title')?.[0], [...(state?.attributes.get('tag') ?? [])]]
      }),
    )
  assert.deepEqual(await titles(), [
    ['Due', ['sea']],
    ['Two days ahead', []],
  ])
  wrong.clock.setWall(now)
  await wrong.index.catchUp()
  assert.deepEqual(await titles(), [
    ['Due', ['sea']],
    ['Due', ['sea']],
  ])
  assert.deepEqual(await rowsOf(wrong.rows), await rowsOf(right.rows))
  assert.equal(await wrong.index.latestClaimDate(), at(inDays(-1)))
  for (const world of [right, wrong]) {
    world.clock.setWall(now + 3 * DAY)
    await world.index.catchUp()
  }
  assert.deepEqual(await titles(), [
    ['Two days ahead', []],
    ['Two days ahead', []],
  ])
  assert.deepEqual(await rowsOf(wrong.rows), await rowsOf(right.rows))
})

test('a clock that goes back by less than a claim may be ahead takes nothing back', async () => {
  const { index, clock, add } = await openWorld()
  await add(...blobs, titled('Minutes ahead', inDays(0) + 300))
  clock.setWall(now - 200_000)
  const before = await index.memberVersion()
  await index.catchUp()
  assert.equal((await index.permanode(refOf(album)))?.attributes.get('title')?.[0], 'Minutes ahead')
  assert.deepEqual(await index.memberVersion(), before)
})

test('before anything is due, nothing acts', async () => {
  const { index, clock, add } = await openWorld()
  clock.setWall(Date.UTC(2020, 0, 1))
  await add(...blobs)
  assert.equal((await index.permanode(refOf(album)))?.attributes.size, 0)
  assert.deepEqual(await Array.fromAsync(index.claims(refOf(album))), [])
  assert.equal(await index.latestClaimDate(), 0n)
})
