import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import type { JsonObject } from '../../src/base/json.ts'
import { isPeerkeepError } from '../../src/base/errors.ts'
import { refOf } from '../../src/blob/ref.ts'
import { makeCertificate, makeRetirement, makeRevocation } from '../../src/schema/certificates.ts'
import { makeFacts, makePermanode } from '../../src/schema/claims.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import { FUTURE_LIMIT_MS, isDue, nextClaimDate } from '../../src/schema/hybrid-clock.ts'
import { SCHEMA_SIZE_MAX } from '../../src/schema/limits.ts'
import type { FileFacts } from '../../src/schema/schema-blob.ts'
import { splitSigned, verifySigned } from '../../src/schema/signed-blob.ts'

const signer = bulkSigner(new Uint8Array(32).fill(1))
const device = bulkSigner(new Uint8Array(32).fill(2))
const date = 1_700_000_000_000_000_000n

test('a permanode is planned or random, and says so', () => {
  assert.equal(saidBy(makePermanode({ key: 'a key' }, signer, date))['key'], 'a key')
  const random = Uint8Array.from({ length: 20 }, (_, i) => i)
  assert.equal(
    saidBy(makePermanode({ random }, signer, date))['random'],
    Buffer.from(random).toString('base64'),
  )
  assert.throws(() => makePermanode({ random: new Uint8Array(19) }, signer, date), TypeError)
})

test('facts come out whole and in order, in blobs within the limit that verify', async () => {
  const facts = Array.from({ length: 9000 }, (_, i) => factOf(i, `camera ${'é'.repeat(i % 40)}`))
  const blobs = makeFacts(facts, signer, date)
  const total = blobs.reduce((sum, blob) => sum + blob.length, 0)
  assert.equal(blobs.length, Math.ceil(total / SCHEMA_SIZE_MAX))
  for (const blob of blobs) {
    assert.ok(blob.length <= SCHEMA_SIZE_MAX)
    const parts = splitSigned(blob) ?? assert.fail('not taken apart')
    assert.equal(await verifySigned(parts, signer.keyBlob), signer.keyId)
  }
  const said = blobs.flatMap(blob => saidBy(blob)['facts'] as readonly JsonObject[])
  assert.deepEqual(
    said.map(fact => fact['file']),
    facts.map(fact => fact.file),
  )
})

test('no facts make no blob, and a fact over the limit is refused', () => {
  assert.deepEqual(makeFacts([], signer, date), [])
  const isTooLarge = (error: unknown): boolean => isPeerkeepError(error, 'BLOB_TOO_LARGE')
  assert.throws(() => makeFacts([factOf(1, 'x'.repeat(SCHEMA_SIZE_MAX))], signer, date), isTooLarge)
})

test('a fact that just fits is stored', () => {
  const room = SCHEMA_SIZE_MAX - (makeFacts([factOf(1, 'x')], signer, date)[0]?.length ?? 0)
  const [blob] = makeFacts([factOf(1, 'x'.repeat(room + 1))], signer, date)
  assert.equal(blob?.length, SCHEMA_SIZE_MAX)
})

test('a certificate names the device, its key and its role on one permanode, the role last', () => {
  let last = date
  const blobs = makeCertificate(
    { device, name: 'laptop', role: 'admin' },
    signer,
    () => (last += 1n),
  )
  const [permanode, ...claims] = blobs
  assert.ok(permanode)
  assert.equal(saidBy(permanode)['key'], `peerkeep:device:${device.keyId}`)
  assert.deepEqual(claims.map(attributeOf), [
    ['peerkeepKey', device.keyRef],
    ['title', 'laptop'],
    ['peerkeepRole', 'admin'],
  ])
  for (const claim of claims) assert.equal(saidBy(claim)['permaNode'], refOf(permanode))
  for (const blob of blobs) assert.equal(saidBy(blob)['camliSigner'], signer.keyRef)
  assert.equal(new Set(blobs.map(blob => saidBy(blob)['claimDate'])).size, 4)
})

test('a certificate uses the permanode that is there', () => {
  const permanode = refOf(Buffer.from('there'))
  const blobs = makeCertificate(
    { device, name: 'phone', role: 'device', permanode },
    signer,
    () => date,
  )
  assert.equal(blobs.length, 3)
  for (const blob of blobs) assert.equal(saidBy(blob)['permaNode'], permanode)
})

test('a revocation lists what stays valid in sets that come before it, each blob once and in order', () => {
  const permanode = refOf(Buffer.from('there'))
  const stays = Array.from({ length: 10_005 }, (_, i) => refOf(Buffer.from(String(i))))
  const revocation = { device: device.keyId, stays: [...stays, ...stays], permanode }
  const blobs = makeRevocation(revocation, signer, () => date)
  const claim = blobs.at(-1) ?? assert.fail('no claim')
  assert.deepEqual(attributeOf(claim), ['peerkeepRevoked', refOf(blobs.at(-2) ?? claim)])
  assert.equal(saidBy(claim)['permaNode'], permanode)
  const sets = blobs.slice(0, -1).map(bytes => JSON.parse(String(bytes)) as JsonObject)
  const known = new Set<unknown>()
  for (const [i, set] of sets.entries()) {
    for (const subset of (set['mergeSets'] ?? []) as string[]) assert.ok(known.has(subset))
    known.add(refOf(blobs[i] ?? claim))
  }
  assert.deepEqual(
    sets.flatMap(set => (set['members'] ?? []) as string[]),
    stays.sort(),
  )
})

test('a revocation that leaves nothing has an empty list, and makes the permanode that is not there', () => {
  let last = date
  const nextDate = (): bigint => (last += 1n)
  const [set, permanode, claim] = makeRevocation(
    { device: device.keyId, stays: [] },
    signer,
    nextDate,
  )
  assert.ok(set && permanode && claim)
  assert.equal(saidBy(permanode)['key'], `peerkeep:device:${device.keyId}`)
  assert.equal(saidBy(claim)['permaNode'], refOf(permanode))
  assert.deepEqual(attributeOf(claim), ['peerkeepRevoked', refOf(set)])
})

test('a retirement is one claim on the permanode', () => {
  const permanode = refOf(Buffer.from('there'))
  const blobs = makeRetirement({ device: device.keyId, permanode }, signer, () => date)
  assert.deepEqual(blobs.map(attributeOf), [['peerkeepRetired', 'true']])
  assert.equal(saidBy(blobs[0] ?? assert.fail('no claim'))['permaNode'], permanode)
})

test('a new claim is dated after all that is due, and never before now', () => {
  const times = fc.integer({ min: 0, max: 4_000_000_000_000 })
  fc.assert(
    fc.property(times, times, fc.bigInt(-2_000_000n, 2_000_000n), (seen, now, offset) => {
      for (const latest of [
        BigInt(seen) * 1_000_000n + offset,
        BigInt(now) * 1_000_000n + offset,
      ]) {
        const next = nextClaimDate(latest, now)
        assert.ok(next > latest)
        assert.ok(next >= BigInt(now) * 1_000_000n)
      }
    }),
  )
})

test('a claim acts once it is at most ten minutes ahead', () => {
  const now = 1_700_000_000_000
  const edge = BigInt(now + 600_000) * 1_000_000n
  assert.equal(FUTURE_LIMIT_MS, 600_000)
  assert.ok(isDue(edge, now))
  assert.ok(!isDue(edge + 1n, now))
  assert.ok(isDue(edge + 1n, now + 1))
})

function factOf(i: number, camera: string): FileFacts {
  const file = refOf(Buffer.from(`file ${i}`))
  return { file, wholeRef: file, size: i, mediaType: 'image/jpeg', latitude: i / 7, camera }
}

function attributeOf(claim: Uint8Array): unknown[] {
  const { attribute, value } = saidBy(claim)
  return [attribute, value]
}

function saidBy(blob: Uint8Array): JsonObject {
  return JSON.parse(Buffer.from(blob).toString()) as JsonObject
}
