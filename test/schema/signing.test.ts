import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { refOf } from '../../src/blob/ref.ts'
import { makeClaim, makePermanode } from '../../src/schema/claims.ts'
import { bulkSigner, ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import { ed25519KeyBlob, ed25519KeyId, isKeyBlob, readKeyBlob } from '../../src/schema/key-blob.ts'
import { claimIdOf, signSchema, splitSigned, verifySigned } from '../../src/schema/signed-blob.ts'
import { readSshSignature, writeSshSignature } from '../../src/schema/sshsig.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const bytes64 = fc.uint8Array({ minLength: 64, maxLength: 64 })
const signer = bulkSigner(new Uint8Array(32).fill(7))
const other = bulkSigner(new Uint8Array(32).fill(8))
const date = 1_700_000_000_123_456_789n
const permanode = refOf(Buffer.from('a permanode'))
const texts = fc.string({ unit: 'binary', maxLength: 60 })

test('both signers make the same signatures', () => {
  fc.assert(
    fc.property(bytes32, fc.uint8Array({ maxLength: 300 }), (seed, payload) => {
      const [one, two] = [ed25519Signer(seed), bulkSigner(seed)]
      assert.equal(one.keyId, two.keyId)
      assert.equal(one.keyRef, two.keyRef)
      assert.equal(one.sign(payload), two.sign(payload))
    }),
    { numRuns: 50 },
  )
})

test('a signer keeps its key when the seed it was made of is wiped', () => {
  const seed = new Uint8Array(32).fill(7)
  const made = ed25519Signer(seed)
  seed.fill(0)
  assert.equal(made.sign(Buffer.from('x')), signer.sign(Buffer.from('x')))
})

test('what is signed is the canonical text without its last brace, and nothing else is added', () => {
  const blob = { type: 'permanode', signer: signer.keyRef, date, key: 'k' } as const
  const unsigned = Buffer.from(writeSchema(blob)).toString()
  const payload = unsigned.slice(0, -1)
  const expected = `${payload},"camliSig":"${signer.sign(Buffer.from(payload))}"}\n`
  assert.equal(Buffer.from(signSchema(blob, signer)).toString(), expected)
  assert.ok(payload.endsWith('\n'))
})

test('whatever a claim says, it verifies, under its signer only', async () => {
  await fc.assert(
    fc.asyncProperty(texts, texts, async (attribute, value) => {
      const bytes = makeClaim(
        { claimType: 'set-attribute', permanode, attribute, value },
        signer,
        date,
      )
      const parts = splitSigned(bytes) ?? assert.fail('not taken apart')
      assert.equal(parts.signer, signer.keyRef)
      assert.equal(await verifySigned(parts, signer.keyBlob), signer.keyId)
      await assert.rejects(
        verifySigned({ ...parts, signer: other.keyRef }, other.keyBlob),
        isBadClaim,
      )
    }),
  )
})

test('text that imitates a signature does not end the payload early', async () => {
  const value = ',"camliSig":"AAAA"}\n'
  const bytes = makeClaim(
    { claimType: 'set-attribute', permanode, attribute: 'a', value },
    signer,
    date,
  )
  const parts = splitSigned(bytes) ?? assert.fail('not taken apart')
  assert.match(Buffer.from(parts.payload).toString(), /AAAA/)
  assert.equal(await verifySigned(parts, signer.keyBlob), signer.keyId)
})

test('keys that appear twice, or differ in case only, make no signed blob', () => {
  for (const twin of ['"camliSigner"', '"CamliSigner"', '"camli\\u0053igner"']) {
    const payload = `{"camliVersion": 1, ${twin}: "${other.keyRef}", "camliSigner": "${signer.keyRef}"`
    const signature = signer.sign(Buffer.from(payload))
    assert.equal(splitSigned(Buffer.from(`${payload},"camliSig":"${signature}"}`)), undefined, twin)
  }
})

test('a key blob other than the one named is refused', async () => {
  const fresh = bulkSigner(new Uint8Array(32).fill(9))
  const parts =
    splitSigned(makePermanode({ key: 'k' }, fresh, date)) ?? assert.fail('not taken apart')
  await assert.rejects(verifySigned(parts, signer.keyBlob), isBadClaim)
  const data = Buffer.from('no key')
  await assert.rejects(verifySigned({ ...parts, signer: refOf(data) }, data), isBadClaim)
})

test('a wrong key blob given once does not stand for the named one later', async () => {
  const fresh = bulkSigner(new Uint8Array(32).fill(10))
  const forged = Buffer.from(makePermanode({ key: 'k' }, { ...signer, keyRef: fresh.keyRef }, date))
  const parts = splitSigned(forged) ?? assert.fail('not taken apart')
  await assert.rejects(verifySigned(parts, signer.keyBlob), isBadClaim)
  const real =
    splitSigned(makePermanode({ key: 'k' }, fresh, date)) ?? assert.fail('not taken apart')
  assert.equal(await verifySigned(real, fresh.keyBlob), fresh.keyId)
})

test('a signature that names another key than the claim is refused', async () => {
  const parts =
    splitSigned(makePermanode({ key: 'k' }, signer, date)) ?? assert.fail('not taken apart')
  const { signature } = readSshSignature(parts.signature) ?? assert.fail('not read')
  const otherKey = readKeyBlob(other.keyBlob)?.publicKey ?? assert.fail('not read')
  const renamed = { ...parts, signature: writeSshSignature(otherKey, signature) }
  await assert.rejects(verifySigned(renamed, signer.keyBlob), isBadClaim)
})

test('the last signature counts, and signs the ones before it', async () => {
  const once = Buffer.from(makePermanode({ key: 'k' }, signer, date)).subarray(0, -2)
  const payload = Buffer.from(once.toString().replace('"camliSig"', '"camliSig":"x","camliNote"'))
  const twice = Buffer.from(`${payload.toString()},"camliSig":"${signer.sign(payload)}"}`)
  const parts = splitSigned(twice) ?? assert.fail('not taken apart')
  assert.deepEqual(Buffer.from(parts.payload), payload)
  assert.equal(await verifySigned(parts, signer.keyBlob), signer.keyId)
})

test('signed text without the mark of schema is no signed blob', () => {
  const payload = `{"camliSigner": "${signer.keyRef}"`
  assert.equal(
    splitSigned(Buffer.from(`${payload},"camliSig":"${signer.sign(Buffer.from(payload))}"}`)),
    undefined,
  )
})

test('many signers are verified, more than the cache of keys holds', async () => {
  for (let i = 0; i < 300; i += 1) {
    const one = bulkSigner(Buffer.alloc(32, `seed ${i} `))
    const parts =
      splitSigned(makePermanode({ key: 'k' }, one, date)) ?? assert.fail('not taken apart')
    assert.equal(await verifySigned(parts, one.keyBlob), one.keyId)
  }
})

test('a claim is its signed bytes and its signer, not what stands around them', () => {
  const bytes = makePermanode({ key: 'k' }, signer, date)
  const spaced = Buffer.concat([bytes, Buffer.from(' \n')])
  const [payload, same] = [bytes, spaced].map(blob => splitSigned(blob)?.payload ?? assert.fail())
  assert.ok(payload && same)
  assert.equal(claimIdOf(payload, signer.keyId), claimIdOf(same, signer.keyId))
  assert.notEqual(claimIdOf(payload, signer.keyId), claimIdOf(payload, other.keyId))
  assert.match(claimIdOf(payload, signer.keyId), /^[0-9a-f]{56}$/)
})

test('key blobs are read back, in one encoding only', () => {
  fc.assert(
    fc.property(bytes32, fc.nat(80), fc.integer({ min: 1, max: 255 }), (publicKey, at, flip) => {
      const blob = ed25519KeyBlob(publicKey)
      assert.ok(isKeyBlob(blob))
      assert.equal(readKeyBlob(blob)?.keyId, ed25519KeyId(publicKey))
      blob[at] = (blob[at] ?? 0) ^ flip
      assert.notEqual(readKeyBlob(blob)?.keyId, ed25519KeyId(publicKey))
      assert.equal(
        readKeyBlob(Buffer.concat([ed25519KeyBlob(publicKey), Buffer.from('\n')])),
        undefined,
      )
    }),
  )
})

test('signatures are read back, in one encoding only', () => {
  fc.assert(
    fc.property(
      bytes32,
      bytes64,
      fc.nat(),
      fc.base64String({ minLength: 4, maxLength: 4 }),
      (key, signature, place, piece) => {
        const text = writeSshSignature(key, signature)
        assert.deepEqual(readSshSignature(text), { publicKey: key, signature })
        const at = place % text.length
        const changed = text.slice(0, at) + piece + text.slice(at + piece.length)
        const read = readSshSignature(changed)
        if (changed !== text) assert.notDeepEqual(read, { publicKey: key, signature })
        for (const variant of [
          `${text}=`,
          `${text}\n`,
          ` ${text}`,
          text.replaceAll('=', ''),
          text.replace(/.$/, ' '),
        ]) {
          if (variant !== text) assert.equal(readSshSignature(variant), undefined)
        }
      },
    ),
  )
})

function isBadClaim(error: unknown): boolean {
  return isPeerkeepError(error, 'BAD_CLAIM')
}
