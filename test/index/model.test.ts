import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { PeerkeepError } from '../../src/base/errors.ts'
import type { KeyValue } from '../../src/base/key-value.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import type { Index } from '../../src/index/queries.ts'
import type { Nanoseconds } from '../../src/schema/schema-blob.ts'
import { at, openWorld, rowsOf } from './index-world.ts'
import { NaiveIndex } from './naive-index.ts'
import { type SignedBytes, futureDate, randomBlobs } from './random-blobs.ts'

const runs = process.env['SLOW'] === '1' ? 3000 : 150
const now = BigInt(Date.UTC(2026, 0, 1) + 10 * 60_000) * 1_000_000n

/** Everything the naive index can say, asked of the real one. */
async function compare(index: Index, naive: NaiveIndex, dueUntil: Nanoseconds): Promise<void> {
  for (const ref of naive.permanodeRefs()) {
    for (const date of [undefined, at(0), at(3), at(5), dueUntil]) {
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

test('the index answers as a naive reading of the blobs does, before and after claims are due', async () => {
  await fc.assert(
    fc.asyncProperty(randomBlobs, fc.integer({ min: 1, max: 8 }), async ({ blobs, own }, size) => {
      const world = await openWorld({ groupBlobsMax: size })
      await world.add(...blobs.map(blob => blob.bytes))
      await compare(world.index, new NaiveIndex(blobs, { own, dueUntil: now }), now)
      world.clock.setWall(Date.UTC(2026, 0, 2))
      await world.index.catchUp()
      await compare(world.index, new NaiveIndex(blobs, { own, dueUntil: futureDate }), futureDate)
      // A clock that goes back takes nothing back.
      world.clock.setWall(Date.UTC(2025, 6, 1))
      await world.index.catchUp()
      await compare(world.index, new NaiveIndex(blobs, { own, dueUntil: futureDate }), futureDate)
    }),
    { numRuns: runs },
  )
})

test('the rows are the same in whatever order blobs come, in groups of any size, and after any kill', async () => {
  const shuffled = randomBlobs.chain(({ blobs }) =>
    fc.record({
      blobs: fc.constant(blobs),
      order: fc.shuffledSubarray([...blobs], { minLength: blobs.length }),
      size: fc.integer({ min: 1, max: 9 }),
      kills: fc.array(fc.nat({ max: 40 }), { maxLength: 4 }),
      step: fc.integer({ min: 1, max: 20 }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(shuffled, async ({ blobs, order, size, kills, step }) => {
      const straight = await openWorld()
      await straight.add(...blobs.map(blob => blob.bytes))
      const rows = await brokenRun(order, { size, kills: [...kills], step })
      assert.deepEqual(await rowsOf(rows), await rowsOf(straight.rows))
    }),
    { numRuns: runs },
  )
})

interface Run {
  readonly size: number
  readonly kills: number[]
  readonly step: number
}

/** Brings blobs in by steps, killing the index at the given batches; the rows it leaves. */
async function brokenRun(order: readonly SignedBytes[], run: Run): Promise<KeyValue> {
  const rows = openMemoryKeyValue()
  let world = await openWorld({
    rows: failingAt(rows, run.kills.shift()),
    groupBlobsMax: run.size,
  }).catch(() => undefined)
  world ??= await openWorld({ rows, groupBlobsMax: run.size })
  const { store } = world
  for (let from = 0; from < order.length; from += run.step) {
    const blobs = order.slice(from, from + run.step).map(blob => blob.bytes)
    try {
      await world.add(...blobs)
    } catch {
      const failing = failingAt(rows, run.kills.shift())
      const options = { groupBlobsMax: run.size, store }
      world = await openWorld({ ...options, rows: failing }).catch(async () =>
        openWorld({ ...options, rows }),
      )
      await world.add(...blobs).catch(() => undefined)
    }
  }
  const last = await openWorld({ rows, groupBlobsMax: run.size, store })
  await last.index.catchUp()
  return rows
}

/** Rows whose batches fail from the given one on, as when the process is gone. */
function failingAt(rows: KeyValue, batch: number | undefined): KeyValue {
  let left = batch ?? Infinity
  return {
    ...rows,
    async batch(operations, options) {
      if (left-- <= 0) throw new PeerkeepError('IO', 'killed here by the test')
      await rows.batch(operations, options)
    },
  }
}
