import assert from 'node:assert/strict'
import { test } from 'node:test'

import { delay } from '../../src/base/clock.ts'
import { openSimClock } from './sim-clock.ts'
import { openSimRandom } from './sim-random.ts'

test('timers fire in the order of their times, those they start among them', async () => {
  const clock = openSimClock(1000)
  const seen: string[] = []
  const note = (name: string) => (): void => void seen.push(`${name} at ${clock.now()}`)
  clock.after(30, note('late'))
  clock.after(10, () => {
    note('early')()
    clock.after(5, note('child'))
  })
  clock.after(20, note('never'))()
  await clock.advance(29)
  assert.deepEqual(seen, ['early at 1010', 'child at 1015'])
  await clock.advance(1)
  assert.equal(seen.at(-1), 'late at 1030')
})

test('a chain of waits runs through one advance', async () => {
  const clock = openSimClock(0)
  let rounds = 0
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await delay(clock, 10)
      rounds++
    }
  }
  const running = loop()
  await clock.advance(40)
  assert.equal(rounds, 4)
  await clock.advance(10)
  await running
})

test('the wall clock jumps without the timers and the monotonic one', async () => {
  const clock = openSimClock(5000)
  let fired = false
  clock.after(10, () => (fired = true))
  clock.setWall(1)
  assert.deepEqual([clock.now(), clock.monotonic(), fired], [1, 0, false])
  await clock.advance(10)
  assert.deepEqual([clock.now(), clock.monotonic(), fired], [11, 10, true])
  assert.equal(clock.pending, 0)
})

test('chance repeats itself by the seed, and differs between seeds', () => {
  const drawn = (seed: number): string => Buffer.from(openSimRandom(seed).bytes(13)).toString('hex')
  assert.equal(drawn(7), drawn(7))
  assert.equal(new Set(Array.from({ length: 1000 }, (_, seed) => drawn(seed))).size, 1000)
})

test('numbers are spread evenly enough to pick with', () => {
  const random = openSimRandom(1)
  const counts = Array.from({ length: 5 }, () => 0)
  for (let i = 0; i < 10_000; i++) counts[random.below(5)]! += 1
  for (const count of counts) assert.ok(count > 1800 && count < 2200, String(counts))
})
