import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { refOf } from '../../src/blob/ref.ts'
import { isKeyBlob, readKeyBlob } from '../../src/schema/key-blob.ts'
import { readOpenPgpSignature } from '../../src/schema/openpgp-signature.ts'
import { splitSigned, verifySigned } from '../../src/schema/signed-blob.ts'
import { blobOf, keyBlob, signedVectors as vectors } from '../vectors/perkeep/signed-cases.ts'

const keyId = readKeyBlob(keyBlob)?.keyId ?? assert.fail('the public key is not read')

test("Perkeep's public key is read as the key it says it is", () => {
  assert.equal(refOf(keyBlob), vectors.publicKeyRef)
  assert.ok(isKeyBlob(keyBlob))
  assert.match(keyId, /^openpgp-[0-9a-f]{40}$/)
  assert.equal(keyId.slice(-16).toUpperCase(), vectors.keyId)
})

test('there are 19 blobs and 21 cases', () => {
  assert.equal(vectors.items.length, 19)
  assert.equal(vectors.verifyCases.length, 21)
})

for (const item of vectors.items) {
  test(`a blob that Perkeep signed verifies: ${item.name}`, async () => {
    const bytes = blobOf(item.ref)
    assert.equal(refOf(bytes), item.ref)
    const parts = splitSigned(bytes) ?? assert.fail('not taken apart')
    assert.equal(`${Buffer.from(parts.payload).toString()}}`, item.unsigned.trimEnd())
    assert.equal(parts.signer, vectors.publicKeyRef)
    assert.equal(await verifySigned(parts, keyBlob), keyId)
  })
}

for (const { name, signed, expect } of vectors.verifyCases) {
  test(`as Perkeep judges: ${name} is ${expect.ok ? 'accepted' : 'refused'}`, async () => {
    assert.equal(await isAccepted(Buffer.from(signed)), expect.ok)
  })
}

test('any bytes are read without harm as a key, a signature, a signed blob', () => {
  const start = Buffer.from('-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n')
  const end = '\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n'
  const packets = fc
    .tuple(fc.constantFrom(0xc6, 0xc2, 0x99, 0x88, 0x9a, 0x9b), fc.uint8Array({ maxLength: 400 }))
    .map(([head, rest]) => Buffer.from([head, ...rest]))
  fc.assert(
    fc.property(packets, packet => {
      const text = packet.toString('base64')
      readKeyBlob(Buffer.concat([start, Buffer.from(text + end)]))
      readOpenPgpSignature(`${text}=AAAA`)
      splitSigned(Buffer.concat([packet, Buffer.from(`,"camliSig":"${text}"}\n`)]))
    }),
    { numRuns: 2000 },
  )
})

test('a damaged key blob is another key or none', () => {
  fc.assert(
    fc.property(fc.nat(keyBlob.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(keyBlob)
      changed[at] = (changed[at] ?? 0) ^ flip
      const read = readKeyBlob(changed)
      if (read?.keyId !== keyId) return
      assert.deepEqual(
        read.verifyKey.export({ format: 'jwk' }),
        readKeyBlob(keyBlob)?.verifyKey.export({ format: 'jwk' }),
      )
    }),
    { numRuns: 1000 },
  )
})

async function isAccepted(bytes: Uint8Array): Promise<boolean> {
  const parts = splitSigned(bytes)
  if (!parts) return false
  try {
    return (await verifySigned(parts, keyBlob)) === keyId && parts.signer === vectors.publicKeyRef
  } catch (error) {
    if (isPeerkeepError(error, 'BAD_CLAIM')) return false
    throw error
  }
}
