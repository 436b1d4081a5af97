import assert from 'node:assert/strict'
import { test } from 'node:test'

import { systemRandom } from '../../src/base/random.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type ClaimWriter, openClaimWriter } from '../../src/node/claim-writer.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import { openSimClock } from '../sim/sim-clock.ts'

const minute = 60_000

function openWriter(clockLead: () => number) {
  const store = openMemoryStore({ classify: classifyBlob })
  const claims = openClaimWriter({
    signer: ed25519Signer(new Uint8Array(32).fill(1)),
    door: openDoor(store, () => undefined),
    index: () => ({
      catchUp: async () => undefined,
      latestClaimDate: async () => 0n,
      plannedPermanode: async () => undefined,
    }),
    clock: openSimClock(),
    random: systemRandom,
    clockLead,
    onSigned: () => undefined,
  })
  return { claims, stored: async () => (await Array.fromAsync(store.enumerate())).length }
}

const file = { file: 'sha224-d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f' } as const

/** Everything that is signed, one way each. */
const ways: readonly ((claims: ClaimWriter) => Promise<unknown>)[] = [
  claims => claims.randomPermanode(),
  claims => claims.plannedPermanode('a key'),
  claims => claims.sign({ claimType: 'delete', target: file.file as never }),
  claims => claims.facts([{ ...file, wholeRef: file.file, size: 0 } as never]),
]

test('nothing is signed by a clock that nobody connected agrees with, in either direction', async () => {
  for (const lead of [11 * minute, -11 * minute, 3 * 24 * 60 * minute]) {
    const { claims, stored } = openWriter(() => lead)
    assert.ok(claims.isRefused())
    for (const way of ways)
      await assert.rejects(way(claims), error => {
        assert.match(String(error), /2026-01-01 00:00 UTC by the clock of this device, but 202\d-/)
        return (error as { code?: string }).code === 'REFUSED'
      })
    assert.equal(await stored(), 0)
  }
})

test('a clock a few minutes off signs, one set right signs again, and one by force at once', async () => {
  let lead = 9 * minute
  const { claims } = openWriter(() => lead)
  await claims.randomPermanode()
  lead = 11 * minute
  await assert.rejects(claims.randomPermanode(), { code: 'REFUSED' })
  for (const way of ways) await way(claims.despiteClock)
  lead = 0
  await claims.randomPermanode()
})
