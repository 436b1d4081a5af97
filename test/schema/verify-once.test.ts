import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
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

test('what was right is not verified a second time, whatever is asked between, but a third', async () => {
  const asked: string[] = []
  const verify = verifyOnce(async (parts, keyBlob) => {
    asked.push(refOf(parts.payload))
    return verifySigned(parts, keyBlob)
  })
  const [one, other] = [signedParts('one'), signedParts('other')]
  for (const parts of [one, other, one, other, one])
    assert.equal(await verify(parts, signer.keyBlob), signer.keyId)
  assert.deepEqual(
    asked,
    [one, other, one].map(({ payload }) => refOf(payload)),
  )
})

test('a changed claim is not taken for the one that was right', async () => {
  const verify = verifyOnce(verifySigned)
  const right = signedParts('one')
  await verify(right, signer.keyBlob)
  for (let at = 0; at < right.payload.length; at += 1) {
    const payload = Uint8Array.from(right.payload)
    payload[at] = (payload[at] ?? 0) ^ 1
    await assert.rejects(verify({ ...right, payload }, signer.keyBlob), { code: 'BAD_CLAIM' })
  }
  const { signature } = signedParts('other')
  await assert.rejects(verify({ ...right, signature }, signer.keyBlob), { code: 'BAD_CLAIM' })
})
