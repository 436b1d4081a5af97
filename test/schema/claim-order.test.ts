import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { type PlacedClaim, compareClaims } from '../../src/schema/claim-order.ts'
import type { KeyId } from '../../src/schema/signer.ts'
import { claimIdOf } from '../../src/schema/signed-blob.ts'

const keyIds = ['ed25519-00', 'ed25519-ff', 'openpgp-00'] as KeyId[]

// Few values of each, so that ties are common.
const claims: fc.Arbitrary<PlacedClaim> = fc.record(
  {
    date: fc.bigInt({ min: -2n, max: 2n }),
    keyId: fc.constantFrom(...keyIds),
    payload: fc.uint8Array({ maxLength: 2, max: 2 }),
  },
  { noNullPrototype: true },
)

test('every device puts the same claims in the same order, however they came', () => {
  fc.assert(
    fc.property(fc.array(claims, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (some, keys) => {
      const shuffled = some
        .map(claim => [keys.next().value ?? 0, claim] as const)
        .sort(([a], [b]) => a - b)
        .map(([, claim]) => claim)
      assert.deepEqual(shuffled.sort(compareClaims), [...some].sort(compareClaims))
    }),
  )
})

test('the later date comes later, whoever signed what', () => {
  fc.assert(
    fc.property(claims, claims, (a, b) => {
      if (a.date < b.date) assert.ok(compareClaims(a, b) < 0)
      assert.equal(Math.sign(compareClaims(a, b)), -Math.sign(compareClaims(b, a)) || 0)
    }),
  )
})

test('only one and the same claim is equal', () => {
  fc.assert(
    fc.property(claims, claims, (a, b) => {
      const isOne =
        a.date === b.date && claimIdOf(a.payload, a.keyId) === claimIdOf(b.payload, b.keyId)
      assert.equal(compareClaims(a, b) === 0, isOne)
    }),
  )
})
