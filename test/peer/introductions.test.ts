import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openIntroductions } from '../../src/peer/introductions.ts'
import { HEARD_PAUSE_MS } from '../../src/peer/limits.ts'
import type { KeyId } from '../../src/schema/signer.ts'
import { openSimClock } from '../sim/sim-clock.ts'
import { fixedMembers, makeTestDevice } from './test-device.ts'

function listening() {
  const [self, nas, stranger] = [makeTestDevice(), makeTestDevice(), makeTestDevice()]
  const clock = openSimClock()
  const heard: { device: KeyId; addresses: readonly string[] }[] = []
  const counts = { news: 0 }
  const introductions = openIntroductions({
    membership: {
      ...fixedMembers(self.keyId, [nas.keyId]),
      hear: async (device, addresses) => heard.push({ device, addresses }) > 0,
    },
    sessions: new Set(),
    clock,
    onNews: () => (counts.news += 1),
  })
  return { self, nas, stranger, clock, heard, counts, introductions }
}

test('however much a device tells of another, little is written and few calls follow', async () => {
  const { nas, clock, heard, counts, introductions } = listening()
  const addressAt = (port: number): string => `/ip4/127.0.0.1/tcp/${port}`
  for (let port = 1; port <= 10_000; port += 1) {
    introductions.heard({
      kind: 'whereabouts',
      device: nas.keyId,
      addresses: [addressAt(port)],
    })
  }
  await clock.advance(HEARD_PAUSE_MS)
  assert.deepEqual(heard, [{ device: nas.keyId, addresses: [addressAt(10_000)] }])
  assert.equal(counts.news, 1)
  introductions.heard({ kind: 'whereabouts', device: nas.keyId, addresses: [addressAt(1)] })
  await clock.advance(HEARD_PAUSE_MS)
  assert.equal(counts.news, 2)
})

test('nothing is kept of strangers, nor of this device itself', async () => {
  const { self, stranger, clock, heard, introductions } = listening()
  for (const { keyId } of [self, stranger])
    introductions.heard({ kind: 'whereabouts', device: keyId, addresses: ['/ip4/127.0.0.1/tcp/1'] })
  await clock.advance(HEARD_PAUSE_MS)
  assert.deepEqual(heard, [])
})
