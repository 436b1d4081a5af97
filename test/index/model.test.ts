import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import type { KeyValue } from '../../src/base/key-value.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import type { Index } from '../../src/index/queries.ts'
import type { Nanoseconds } from '../../src/schema/schema-blob.ts'
import { failingAt } from './failing-rows.ts'
import { at, openWorld, owner, rowsOf } from './index-world.ts'
import { type MembersAt, assertSince, membersNow } from './members-since.ts'
import type { SignedBytes } from './naive-blobs.ts'
import { NaiveIndex } from './naive-index.ts'
import { randomBlobs, signers } from './random-blobs.ts'

const runs = process.env['SLOW'] === '1' ? 3000 : 150

/** Before most claims are due, after most, and days after all. */
const clocks = [
  Date.UTC(2024, 11, 31, 23, 50, 3),
  Date.UTC(2025, 6, 1),
  Date.UTC(2026, 0, 1),
  Date.UTC(2026, 0, 4),
]

function dueUntil(clock: number): Nanoseconds {
  return BigInt(clock + 10 * 60_000) * 1_000_000n
}

/** Everything the naive index can say, asked of the real one. */
async function compare(index: Index, naive: NaiveIndex, due: Nanoseconds): Promise<void> {
  await compareTrust(index, naive)
  for (const ref of naive.permanodeRefs()) {
    for (const date of [undefined, at(0), at(3), at(5), due]) {
      const state = await index.permanode(ref, date)
      const expected = naive.state(ref, date)
      assert.equal(state?.isOwn, expected !== undefined)
      if (!expected) continue
      const { ref: standing, isDeleted, modified, attributes } = state
      const said = {
        ref: standing,
        isDeleted,
        modified,
        attributes: Object.fromEntries(attributes),
      }
      assert.deepEqual(said, expected)
    }
  }
  for (const ref of naive.refs()) {
    const claims = await Array.fromAsync(index.claims(ref), claim => ({
      ref: claim.ref,
      isDeleted: claim.isDeleted,
    }))
    assert.deepEqual(claims, naive.claims(ref))
  }
}

async function compareTrust(index: Index, naive: NaiveIndex): Promise<void> {
  const { trust } = index
  assert.deepEqual(
    trust.devices().map(({ keyId, role, name, isRevoked, isRetired }) => ({
      keyId,
      role,
      name,
      isRevoked,
      isRetired,
    })),
    naive.devices(),
  )
  assert.deepEqual(
    await Array.fromAsync(index.enumerateMeta('claims'), ({ ref }) => ref),
    naive.members(),
  )
  assert.deepEqual(await Array.fromAsync(index.disputed(), ({ ref }) => ref), naive.disputed())
  for (const { keyId } of signers) {
    assert.deepEqual(
      [trust.isOwn(keyId), trust.isRevoked(keyId), trust.isAdmin(keyId)],
      [naive.isOwn(keyId), naive.isRevoked(keyId), naive.isAdmin(keyId)],
    )
    assert.deepEqual((await Array.fromAsync(index.signedBy(keyId))).sort(), naive.signedBy(keyId))
    for (const ref of naive.refs())
      assert.equal(await index.mayStore(keyId, ref), naive.mayStore(keyId, ref))
  }
}

const clock = fc.constantFrom(...clocks)

/** Blobs in any order, cut in three that come at three times by the clock, forward or back. */
const inTurns = randomBlobs.chain(blobs =>
  fc.record({
    order: fc.shuffledSubarray([...blobs], { minLength: blobs.length }),
    cuts: fc.tuple(fc.nat({ max: blobs.length }), fc.nat({ max: blobs.length })),
    times: fc.tuple(clock, clock, clock),
    size: fc.integer({ min: 1, max: 8 }),
  }),
)

test('the index answers as a naive reading of the blobs does, whatever comes late and whatever the clock was', async () => {
  await fc.assert(
    fc.asyncProperty(inTurns, async ({ order, cuts, times, size }) => {
      const world = await openWorld({ groupBlobsMax: size, pieceMax: size })
      const heard = new Set<BlobRef>()
      world.index.onMembers(changes => {
        for (const { ref, isMember } of changes) {
          if (isMember) heard.add(ref)
          else heard.delete(ref)
        }
      })
      const ends = [...cuts.sort((a, b) => a - b), order.length]
      for (const [i, time] of times.entries()) {
        world.clock.setWall(time)
        const here = order.slice(0, ends[i])
        await world.add(...here.map(blob => blob.bytes))
        const due = dueUntil(time)
        await compare(world.index, new NaiveIndex(here, { owner: owner.keyId, dueUntil: due }), due)
        assert.deepEqual([...heard].sort(), [...(await membersNow(world)).members].sort())
      }
    }),
    { numRuns: runs },
  )
})

test('the rows are the same in whatever order blobs come, in groups of any size, and after any kill', async () => {
  const shuffled = randomBlobs.chain(blobs =>
    fc.record({
      blobs: fc.constant(blobs),
      order: fc.shuffledSubarray([...blobs], { minLength: blobs.length }),
      size: fc.integer({ min: 1, max: 9 }),
      kills: fc.array(fc.nat({ max: 150 }), { maxLength: 4 }),
      step: fc.integer({ min: 1, max: 20 }),
      times: fc.array(clock, { minLength: 1, maxLength: 4 }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(shuffled, async ({ blobs, order, size, kills, step, times }) => {
      const straight = await openWorld()
      straight.clock.setWall(times.at(-1) ?? 0)
      await straight.add(...blobs.map(blob => blob.bytes))
      const rows = await brokenRun(order, { size, kills: [...kills], step, times })
      assert.deepEqual(await rowsOf(rows), await rowsOf(straight.rows))
    }),
    { numRuns: runs },
  )
})

interface Run {
  readonly size: number
  readonly kills: number[]
  readonly step: number
  /** What the clock says at one step after the other; the last one from then on. */
  readonly times: readonly number[]
}

/** Brings blobs in by steps, killing the index at the given batches; the rows it leaves. */
async function brokenRun(order: readonly SignedBytes[], run: Run): Promise<KeyValue> {
  const rows = openMemoryKeyValue()
  let world = await openWorld({
    rows: failingAt(rows, run.kills.shift()),
    groupBlobsMax: run.size,
    pieceMax: run.size,
  }).catch(() => undefined)
  world ??= await openWorld({ rows, groupBlobsMax: run.size, pieceMax: run.size })
  const { store } = world
  const snapshots: MembersAt[] = []
  let turn = 0
  const setClock = (): void => world?.clock.setWall(run.times[turn] ?? run.times.at(-1) ?? 0)
  for (let from = 0; from < order.length; from += run.step) {
    const blobs = order.slice(from, from + run.step).map(blob => blob.bytes)
    setClock()
    try {
      await world.add(...blobs)
    } catch {
      const failing = failingAt(rows, run.kills.shift())
      const options = { groupBlobsMax: run.size, pieceMax: run.size, store }
      world = await openWorld({ ...options, rows: failing }).catch(async () =>
        openWorld({ ...options, rows }),
      )
      setClock()
      await world.add(...blobs).catch(() => undefined)
    }
    snapshots.push(await membersNow(world))
    turn += 1
  }
  const last = await openWorld({ rows, groupBlobsMax: run.size, pieceMax: run.size, store })
  last.clock.setWall(run.times.at(-1) ?? 0)
  await last.index.catchUp()
  for (const snapshot of snapshots) await assertSince(last, snapshot)
  return rows
}
