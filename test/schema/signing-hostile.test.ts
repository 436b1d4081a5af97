import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { refOf } from '../../src/blob/ref.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import { readKeyBlob } from '../../src/schema/key-blob.ts'
import { readOpenPgpSignature } from '../../src/schema/openpgp-signature.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import {
  type SignedParts,
  claimIdOf,
  signSchema,
  splitSigned,
  verifySigned,
} from '../../src/schema/signed-blob.ts'
import { readWords, wordsOf } from '../../src/schema/words.ts'
import { keyBlob as rsaKeyBlob, signedVectors as vectors } from '../vectors/perkeep/signed-cases.ts'

const rsaBlobs = vectors.items.map(item => Buffer.from(item.signed))

const signer = bulkSigner(new Uint8Array(32).fill(7))
const claim = { claimType: 'delete', target: signer.keyRef } as const
const ownBlob = signSchema({ type: 'claim', signer: signer.keyRef, date: 1n, claim }, signer)

/** The bytes that readers stumble over: ends of strings, objects and numbers, and of their ranges. */
const pivots = [0x00, 0x22, 0x2c, 0x3d, 0x5c, 0x7b, 0x7d, 0x80, 0xc0, 0xff]

/** A share of the length. */
const place = fc.double({ min: 0, max: 1, noNaN: true })

/** One byte for another. */
const flip = fc.record({
  at: place,
  removed: fc.constant(1),
  added: fc.array(fc.nat(255), { minLength: 1, maxLength: 1 }),
})

/** Changes of bytes: some removed at a place, some others put there. */
const edits = fc.array(
  fc.record({
    at: place,
    removed: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(80), fc.nat(2000)),
    added: fc.oneof(
      fc.constant([]),
      fc.array(fc.constantFrom(...pivots), { maxLength: 2 }),
      fc.array(fc.nat(255), { maxLength: 4 }),
    ),
  }),
  { minLength: 1, maxLength: 4 },
)

type Edits = typeof edits extends fc.Arbitrary<infer T> ? T : never

function edited(bytes: Uint8Array, changes: Edits): Buffer {
  let result = Buffer.from(bytes)
  for (const { at, removed, added } of changes) {
    const start = Math.floor(at * result.length)
    const rest = result.subarray(start + removed)
    result = Buffer.concat([result.subarray(0, start), Buffer.from(added), rest])
  }
  return result
}

function split(bytes: Uint8Array): SignedParts {
  return splitSigned(bytes) ?? assert.fail('not taken apart')
}

/** What an OpenPGP signature says: what is hashed with the payload, and its number. */
function meaningOf(signature: string): readonly unknown[] {
  const read = readOpenPgpSignature(signature) ?? assert.fail('no signature')
  return [read.hashName, Buffer.from(read.trailer).toString('hex'), numberOf(read.number)]
}

function numberOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replace(/^0+/, '')
}

function numbersOf(keyBlob: Uint8Array): readonly unknown[] {
  const { n, e } = readKeyBlob(keyBlob)?.verifyKey.export({ format: 'jwk' }) ?? {}
  return [n, e]
}

/** The key that verifies, undefined when it is refused as it should be; anything else is thrown. */
async function verified(parts: SignedParts, keyBlob: Uint8Array): Promise<string | undefined> {
  try {
    return await verifySigned(parts, keyBlob)
  } catch (error) {
    if (isPeerkeepError(error, 'BAD_CLAIM')) return undefined
    throw error
  }
}

test('a damaged signed blob is refused, or still says exactly what was signed', async () => {
  const originals = [ownBlob, ...rsaBlobs]
  const damage = fc.oneof({ weight: 5, arbitrary: edits }, fc.tuple(flip))
  await fc.assert(
    fc.asyncProperty(fc.nat(originals.length - 1), damage, async (which, changes) => {
      const original = originals[which % 2 === 0 ? 0 : which] ?? ownBlob
      const keyBlob = original === ownBlob ? signer.keyBlob : rsaKeyBlob
      const changed = edited(original, changes)
      parseSchema(changed)
      const parts = splitSigned(changed)
      if (!parts || (await verified(parts, keyBlob)) === undefined) return
      assert.deepEqual(Buffer.from(parts.payload), Buffer.from(split(original).payload))
    }),
    { numRuns: 14_000 },
  )
})

test('a damaged OpenPGP packet is refused, or is the same signature written otherwise', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(rsaBlobs.length - 1), edits, async (which, changes) => {
      const parts = split(rsaBlobs[which] ?? assert.fail())
      const packet = Buffer.from(parts.signature.replace(/=[^=]*$/, ''), 'base64')
      const signature = `${edited(packet, changes).toString('base64')}=AAAA`
      if ((await verified({ ...parts, signature }, rsaKeyBlob)) === undefined) return
      assert.deepEqual(meaningOf(signature), meaningOf(parts.signature))
    }),
    { numRuns: 8_000 },
  )
})

test('a hostile key verifies only what the key inside it signed', async () => {
  const lines = rsaKeyBlob.toString().split('\n')
  const packet = Buffer.from(lines.slice(2, -3).join(''), 'base64')
  const signed = split(rsaBlobs[0] ?? assert.fail())
  const keyBlobs = fc.tuple(fc.nat(2), edits).map(([kind, changes]) => {
    if (kind === 0) return edited(signer.keyBlob, changes)
    if (kind === 1) return edited(rsaKeyBlob, changes)
    const body = edited(packet, changes).toString('base64')
    return Buffer.from(`${lines[0]}\n\n${body}\n=AAAA\n${lines.at(-2)}\n`)
  })
  await fc.assert(
    fc.asyncProperty(keyBlobs, async keyBlob => {
      const keyId = await verified({ ...signed, signer: refOf(keyBlob) }, keyBlob)
      if (keyId !== undefined) assert.deepEqual(numbersOf(keyBlob), numbersOf(rsaKeyBlob))
    }),
    { numRuns: 8_000 },
  )
})

test('damaged words are refused, or are 32 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), edits, (entropy, changes) => {
      try {
        assert.equal(
          readWords(edited(Buffer.from(wordsOf(entropy)), changes).toString()).length,
          32,
        )
      } catch (error) {
        if (!isPeerkeepError(error, 'BAD_WORDS')) throw error
      }
    }),
    { numRuns: 8_000 },
  )
})

test('a file that is far too long for words is refused for that, not taken apart', () => {
  const words = wordsOf(new Uint8Array(32))
  assert.equal(readWords(`${words}${'\n'.repeat(2000)}`).length, 32)
  assert.throws(
    () => readWords(`${words}${'\n'.repeat(5000)}`),
    error => isPeerkeepError(error, 'BAD_WORDS'),
  )
})

test('one claim in several OpenPGP writings is one claim', async () => {
  const writings = ['no-final-newline', 'extra-trailing-space', 'crc-wrong', 'crc-missing']
  const original = vectors.items[0] ?? assert.fail()
  const ids = new Set<string>()
  for (const name of writings) {
    const found = vectors.verifyCases.find(item => item.name === name) ?? assert.fail(name)
    const parts = split(Buffer.from(found.signed))
    ids.add(claimIdOf(parts.payload, await verifySigned(parts, rsaKeyBlob)))
  }
  const parts = split(Buffer.from(original.signed))
  ids.add(claimIdOf(parts.payload, await verifySigned(parts, rsaKeyBlob)))
  assert.equal(ids.size, 1)
})

test('what is signed says one thing to every reader', () => {
  const fields = `"camliSigner": "${signer.keyRef}", "camliType": "permanode", "claimDate": "2024-01-01T00:00:00Z"`
  const parsed = (more: string): string | undefined => {
    const payload = `{"camliVersion": 1, ${fields}${more}`
    const text = `${payload},"camliSig":"${signer.sign(Buffer.from(payload))}"}\n`
    return parseSchema(Buffer.from(text))?.type
  }
  assert.equal(parsed(', "key": "a"'), 'permanode')
  for (const twin of ['key', 'KEY', '\u212aey', '\\u006bey']) {
    assert.equal(parsed(`, "key": "a", "${twin}": "b"`), undefined, twin)
  }
  assert.equal(parsed(', "key": "a", "camliSig": "AAAA"'), undefined)
  assert.equal(parsed(', "key": "a", "more": {"x": 1, "X": 2}'), undefined)
})

test('a number larger than the key is refused', async () => {
  const parts = split(rsaBlobs[0] ?? assert.fail())
  const packet = Buffer.from(parts.signature.replace(/=[^=]*$/, ''), 'base64')
  const number = packet.subarray(-256)
  const body = [packet.subarray(3, -258), Buffer.from([0x10, 0x00]), Buffer.alloc(256, 1), number]
  const signature = `${openPgpPacket(0xc2, Buffer.concat(body)).toString('base64')}=AAAA`
  assert.notEqual(readOpenPgpSignature(signature), undefined)
  assert.equal(await verified({ ...parts, signature }, rsaKeyBlob), undefined)
})

function openPgpPacket(head: number, body: Uint8Array): Buffer {
  const length = Buffer.alloc(5, 0xff)
  length.writeUInt32BE(body.length, 1)
  return Buffer.concat([Buffer.from([head]), length, body])
}
