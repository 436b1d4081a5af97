import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openPeerClock } from '../../src/peer/peer-clock.ts'
import { openSimClock } from '../sim/sim-clock.ts'

const hour = 3_600_000

test('a clock is as far ahead as the other device said, however long ago', async () => {
  const clock = openSimClock()
  const theirs = openPeerClock(clock, clock.now() - 2 * hour)
  assert.equal(theirs.lead(), 2 * hour)
  await clock.advance(5 * hour)
  assert.equal(theirs.lead(), 2 * hour)
})

test('a clock that was set right is right at once, and one that went wrong when the other one speaks', () => {
  const clock = openSimClock()
  const start = clock.now()
  const theirs = openPeerClock(clock, start - 2 * hour)
  clock.setWall(start - 2 * hour)
  assert.equal(theirs.lead(), 0)
  clock.setWall(start + hour)
  assert.ok(theirs.heard(start - 2 * hour))
  assert.equal(theirs.lead(), 3 * hour)
})

test('a device that slept, whose own time stood still, is not taken for one whose clock is off', () => {
  const clock = openSimClock()
  const theirs = openPeerClock(clock, clock.now())
  clock.setWall(clock.now() + 8 * hour)
  assert.equal(theirs.lead(), 0)
})

test('a time is news when it tells of another difference, and not when it tells of the same once more', async () => {
  const clock = openSimClock()
  const theirs = openPeerClock(clock, clock.now() - hour)
  await clock.advance(hour)
  assert.equal(theirs.heard(clock.now() - hour - 2000), false)
  assert.equal(theirs.heard(clock.now()), true)
  assert.equal(theirs.heard(clock.now()), false)
})
