import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openListeners } from '../../src/base/listeners.ts'
import { openMetClocks } from '../../src/node/met-clocks.ts'
import { openPeerClock } from '../../src/peer/peer-clock.ts'
import type { KeyId } from '../../src/schema/signer.ts'
import { openSimClock } from '../sim/sim-clock.ts'

const hour = 3_600_000

/** Devices that come and go, each with a clock that is so far behind. */
function openDevices() {
  const clock = openSimClock()
  const changes = openListeners()
  let sessions: { keyId: KeyId; clock: ReturnType<typeof openPeerClock> }[] = []
  const met = openMetClocks(
    { sessions: () => sessions, onChange: changes.add },
    key => `the ${key}`,
  )
  return {
    clock,
    met,
    meet(...behind: readonly (readonly [name: string, ms: number])[]) {
      sessions = behind.map(([name, ms]) => ({
        keyId: name as KeyId,
        clock: openPeerClock(clock, clock.now() - ms),
      }))
      changes.tell()
    },
  }
}

test('of the devices that are connected the nearest clock counts, in either direction', () => {
  const { met, meet } = openDevices()
  assert.equal(met.nearest(), undefined)
  meet(['nas', 24 * hour], ['phone', -3 * hour], ['pc', 5 * hour])
  assert.deepEqual(met.nearest(), { device: 'the phone', leadMs: -3 * hour })
  meet(['nas', 24 * hour])
  assert.deepEqual(met.nearest(), { device: 'the nas', leadMs: 24 * hour })
})

test('a line that breaks makes no clock right; setting it does, and so does meeting one that agrees', () => {
  const { clock, met, meet } = openDevices()
  const start = clock.now()
  meet(['nas', 24 * hour])
  meet()
  assert.equal(met.nearest()?.leadMs, 24 * hour)
  clock.setWall(start - 24 * hour)
  assert.equal(met.nearest()?.leadMs, 0)
  clock.setWall(start)
  meet(['pc', 0])
  meet()
  assert.equal(met.nearest()?.leadMs, 0)
})
