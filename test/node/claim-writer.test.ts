import assert from 'node:assert/strict'
import { test } from 'node:test'

import { systemRandom } from '../../src/base/random.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type ClaimWriter, openClaimWriter } from '../../src/node/claim-writer.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import { openSimClock } from '../sim/sim-clock.ts'

const minute = 60_000

function openWriter(clockLead: () => number, latest: () => bigint = () => 0n) {
  const store = openMemoryStore({ classify: classifyBlob })
  const claims = openClaimWriter({
    signer: ed25519Signer(new Uint8Array(32).fill(1)),
    door: openDoor(store, () => undefined),
    index: () => ({
      catchUp: async () => undefined,
      latestClaimDate: async () => latest(),
      plannedPermanode: async () => undefined,
    }),
    clock: openSimClock(),
    random: systemRandom,
    nearestClock: () => ({ device: 'nas', leadMs: clockLead() }),
    onSigned: () => undefined,
  })
  return { claims, store, stored: async () => (await Array.fromAsync(store.enumerate())).length }
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
    assert.match(String(claims.refusal()), /--force/)
    for (const way of ways)
      await assert.rejects(way(claims), error => {
        assert.match(
          String(error),
          /2026-01-01 00:00 UTC by the clock of this device, but 202\d-.* by that of nas,/,
        )
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

test('what is signed is dated after everything that was seen, and each after the one before', async () => {
  const now = BigInt(openSimClock().now()) * 1_000_000n
  let latest = now + 300_000_000_000n
  const { claims, store } = openWriter(
    () => 0,
    () => latest,
  )
  const dates: bigint[] = []
  for (let at = 0; at < 4; at += 1) {
    if (at === 2) latest += 60_000_000_000n
    const schema = parseSchema((await store.fetch(await claims.randomPermanode())) ?? NOTHING)
    assert.ok(schema?.type === 'permanode')
    dates.push(schema.date)
  }
  const [first = 0n, second = 0n, third = 0n, fourth = 0n] = dates
  assert.ok(first > now + 300_000_000_000n && second > first)
  assert.ok(third > latest && fourth > third)
})

const NOTHING = new Uint8Array()
