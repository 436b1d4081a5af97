import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { type Budget, openBudget } from '../../src/base/budget.ts'

const turns = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Takes without waiting; answers what says when it has begun, and ends it. */
function taking(budget: Budget, bytes: number, signal?: AbortSignal) {
  const state = { hasBegun: false, error: undefined as unknown, end: () => undefined as void }
  budget.take(bytes, signal).then(
    giveBack => Object.assign(state, { hasBegun: true, end: giveBack }),
    (error: unknown) => Object.assign(state, { error }),
  )
  return state
}

test('a small request does not overtake a large one that came first', async () => {
  const budget = openBudget(10)
  const first = taking(budget, 6)
  const large = taking(budget, 8)
  const small = taking(budget, 1)
  await turns()
  assert.deepEqual([first.hasBegun, large.hasBegun, small.hasBegun], [true, false, false])
  first.end()
  await turns()
  assert.deepEqual([large.hasBegun, small.hasBegun], [true, true])
})

test('more than the whole budget passes, alone', async () => {
  const budget = openBudget(10)
  const first = taking(budget, 1)
  const huge = taking(budget, 1000)
  const next = taking(budget, 1)
  await turns()
  assert.equal(huge.hasBegun, false)
  first.end()
  await turns()
  assert.deepEqual([huge.hasBegun, next.hasBegun], [true, false])
  huge.end()
  await turns()
  assert.equal(next.hasBegun, true)
})

test('bytes given back twice are free once', async () => {
  const budget = openBudget(2)
  const first = taking(budget, 1)
  taking(budget, 1)
  await turns()
  first.end()
  first.end()
  const third = taking(budget, 1)
  const fourth = taking(budget, 1)
  await turns()
  assert.deepEqual([third.hasBegun, fourth.hasBegun], [true, false])
})

test('who gives up lets those behind pass', async () => {
  const budget = openBudget(10)
  taking(budget, 5)
  const stop = new AbortController()
  const large = taking(budget, 9, stop.signal)
  const small = taking(budget, 5)
  stop.abort(new Error('enough'))
  await turns()
  assert.match(String(large.error), /enough/)
  assert.equal(small.hasBegun, true)
  await assert.rejects(budget.take(1, stop.signal), /enough/)
})

test('never more than the budget is out, and everyone gets a turn', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 40 }), async sizes => {
      const budget = openBudget(10)
      let out = 0
      const order: number[] = []
      await Promise.all(
        sizes.map(async (size, i) => {
          const giveBack = await budget.take(size)
          order.push(i)
          out += Math.min(size, 10)
          assert.ok(out <= 10)
          await turns()
          out -= Math.min(size, 10)
          giveBack()
        }),
      )
      assert.deepEqual(
        order,
        sizes.map((_, i) => i),
      )
    }),
    { numRuns: 50 },
  ))
