import assert from 'node:assert/strict'
import { test } from 'node:test'

import { makePermanode } from '../../src/schema/claims.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import { splitSigned, verifySigned } from '../../src/schema/signed-blob.ts'
import { verifyOnce } from '../../src/schema/verify-once.ts'

const signer = ed25519Signer(new Uint8Array(32).fill(3))

function signedParts(text: string) {
  const parts = splitSigned(makePermanode({ random: Buffer.alloc(20, text) }, signer, 1n))
  assert.ok(parts)
  return parts
}

/** A way to verify that counts how often it is asked. */
function counted(max = 100) {
  let asked = 0
  const once = verifyOnce(
    async (parts, keyBlob) => {
      asked += 1
      return verifySigned(parts, keyBlob)
    },
    { max },
  )
  return { once, asked: () => asked }
}

test('what was right for the first is right for the last, who makes it forgotten', async () => {
  const { once, asked } = counted()
  const some = ['one', 'other', 'third'].map(signedParts)
  for (const parts of some) assert.equal(await once.first(parts, signer.keyBlob), signer.keyId)
  for (const parts of some) assert.equal(await once.last(parts, signer.keyBlob), signer.keyId)
  assert.equal(asked(), 3)
  for (const parts of some) assert.equal(await once.last(parts, signer.keyBlob), signer.keyId)
  assert.equal(asked(), 6)
})

test('the oldest are remembered while somebody asks for them, and do not stand in the way for ever', async () => {
  const { once, asked } = counted(2)
  const [a, b, c] = ['a', 'b', 'c'].map(signedParts)
  assert.ok(a && b && c)
  for (const parts of [a, b, c]) await once.first(parts, signer.keyBlob)
  await once.last(a, signer.keyBlob)
  assert.equal(asked(), 3)
  await once.first(c, signer.keyBlob)
  // B and C are remembered now, and nobody asks.
  for (const parts of [a, a, a, a]) await once.first(parts, signer.keyBlob)
  await once.last(a, signer.keyBlob)
  assert.equal(asked(), 8)
})

test('a changed claim is not taken for the one that was right', async () => {
  const { first, last: verify } = verifyOnce(verifySigned)
  const right = signedParts('one')
  await first(right, signer.keyBlob)
  for (let at = 0; at < right.payload.length; at += 1) {
    const payload = Uint8Array.from(right.payload)
    payload[at] = (payload[at] ?? 0) ^ 1
    await assert.rejects(verify({ ...right, payload }, signer.keyBlob), { code: 'BAD_CLAIM' })
  }
  const { signature } = signedParts('other')
  await assert.rejects(verify({ ...right, signature }, signer.keyBlob), { code: 'BAD_CLAIM' })
})
