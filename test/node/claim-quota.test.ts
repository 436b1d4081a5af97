import assert from 'node:assert/strict'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import type { Index } from '../../src/index/queries.ts'
import { openArrivals } from '../../src/node/arrivals.ts'
import { openClaimQuota } from '../../src/node/claim-quota.ts'
import { replicaSource } from '../../src/node/replica-source.ts'
import { makePermanode } from '../../src/schema/claims.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import { verifySigned } from '../../src/schema/signed-blob.ts'
import { openSimClock } from '../sim/sim-clock.ts'

const laptop = ed25519Signer(new Uint8Array(32).fill(1))
const phone = ed25519Signer(new Uint8Array(32).fill(2))
const day = 24 * 3_600_000

/** A device that takes what comes, of which a device may bring three claims a day. */
async function openDevice(
  state = openMemoryKeyValue(),
  clock = openSimClock(),
  onVerify: () => void = () => undefined,
) {
  const store = openMemoryStore({ classify: classifyBlob })
  const quota = await openClaimQuota({
    state,
    devices: [laptop.keyId, phone.keyId],
    clock,
    log: silentLog,
    max: 3,
  })
  const door = openDoor(store, () => undefined)
  for (const { keyBlob } of [laptop, phone]) await door.receive(keyBlob)
  // All that is asked of it.
  const index = () => ({ mayStore: async () => true }) as unknown as Index
  const source = replicaSource({
    store,
    door,
    index,
    arrivals: openArrivals(index),
    onMembers: () => () => undefined,
    room: async () => Infinity,
    quota,
    verify(signed, keyBlob) {
      onVerify()
      return verifySigned(signed, keyBlob)
    },
  })
  return { state, clock, store, quota, source }
}

let made = 0
const newClaim = (): Uint8Array =>
  makePermanode({ random: Buffer.alloc(20, `${(made += 1)}`) }, laptop, 1n)

type Source = Awaited<ReturnType<typeof openDevice>>['source']

/** How many of so many new claims are taken from a device. */
async function bring(source: Source, count: number, from = laptop.keyId): Promise<number> {
  let taken = 0
  for (let at = 0; at < count; at += 1) {
    const bytes = newClaim()
    // Whatever a claim is asked for as, it is one.
    const set = at % 2 === 0 ? 'claims' : 'data'
    if (await source.take({ from, set, bytes, ref: refOf(bytes) })) taken += 1
  }
  return taken
}

test('a device brings so many new claims a day, and no more; others and the next day are their own', async () => {
  const { quota, source, clock, store } = await openDevice()
  quota.begin()
  const known = newClaim()
  assert.ok(await source.take({ from: laptop.keyId, set: 'claims', bytes: known }))
  // What is here already costs nothing.
  for (let at = 0; at < 5; at += 1)
    assert.ok(await source.take({ from: laptop.keyId, set: 'claims', bytes: known }))
  assert.equal(await bring(source, 5), 2)
  assert.equal(await bring(source, 5, phone.keyId), 3)
  assert.ok(quota.isSpent(laptop.keyId))
  const data = Buffer.from('no claim')
  assert.ok(await source.take({ from: laptop.keyId, set: 'data', bytes: data, ref: refOf(data) }))
  await clock.advance(day - 1)
  assert.equal(await bring(source, 1), 0)
  await clock.advance(1)
  assert.equal(await bring(source, 5), 3)
  // Two keys, the claims that were taken, and the data.
  assert.equal((await Array.fromAsync(store.enumerate())).length, 2 + 1 + 2 + 3 + 3 + 1)
})

test('of a device that may bring no more nothing is verified, which would keep this one busy', async () => {
  let verified = 0
  const { quota, source } = await openDevice(undefined, undefined, () => (verified += 1))
  quota.begin()
  assert.equal(await bring(source, 10), 3)
  assert.equal(verified, 3)
})

test('what was brought counts after a new start', async () => {
  const before = await openDevice()
  before.quota.begin()
  assert.equal(await bring(before.source, 2), 2)
  await before.quota.close()
  const after = await openDevice(before.state, before.clock)
  assert.equal(await bring(after.source, 5), 1)
})

test('a device that has just joined takes all there is, until it is equal with another one', async () => {
  const { quota, source } = await openDevice()
  assert.equal(await bring(source, 10), 10)
  quota.begin()
  assert.equal(await bring(source, 10), 3)
})
