import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { refOf } from '../../src/blob/ref.ts'
import { readKeyBlob } from '../../src/schema/key-blob.ts'
import { splitSigned, verifySigned } from '../../src/schema/signed-blob.ts'

/** What a signature is made of; each test changes one thing that Perkeep's policy looks at. */
interface Making {
  readonly version?: number
  readonly type?: number
  readonly algorithm?: number
  readonly hashed?: readonly number[]
  readonly digestStart?: readonly number[]
  readonly isStripped?: boolean
  readonly behind?: readonly number[]
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
const jwk = publicKey.export({ format: 'jwk' })
const modulus = Buffer.from(jwk.n ?? '', 'base64url')
const exponent = Buffer.from(jwk.e ?? '', 'base64url')
const time = [5, 2, 1, 2, 3, 4]
const keyBlob = keyBlobOf(keyBody(modulus, exponent))
const payload = payloadOf('k')

test('a signature by the rules is accepted', async () => {
  assert.ok(await isAccepted({}))
  assert.ok(await isAccepted({ algorithm: 3 }), 'RSA for signing only')
  assert.ok(
    await isAccepted({ hashed: [...time, 5, 0x83, 0, 0, 0, 9] }),
    'an expiry, critical: not looked at',
  )
  assert.ok(
    await isAccepted({ hashed: [...time, 3, 20, 7, 7] }),
    'something unknown that may be ignored',
  )
  assert.ok(
    await isAccepted({ hashed: [...time, 192, 8, 20, ...Buffer.alloc(199)] }),
    'a long subpacket',
  )
})

test('a signature outside the rules is refused', async () => {
  const refused: Record<string, Making> = {
    'version 3': { version: 3 },
    'text type': { type: 1 },
    'DSA by name': { algorithm: 17 },
    'no creation time': { hashed: [] },
    'something unknown and critical': { hashed: [...time, 3, 0x94, 7, 7] },
    'a subpacket longer than its area': { hashed: [...time, 9, 20, 7] },
    'an empty subpacket': { hashed: [...time, 0] },
    'another start of the digest': { digestStart: [0, 0] },
    'bytes behind the number': { behind: [0] },
  }
  for (const [name, making] of Object.entries(refused))
    assert.equal(await isAccepted(making), false, name)
})

test('a number written without its leading zeros is accepted', async () => {
  const texts = Array.from({ length: 4000 }, (_, i) => payloadOf(`k${i}`))
  const short = texts.find(text => numberOf(text, hashedPart({}))[0] === 0)
  assert.ok(short, 'one of 256 signatures begins with a zero')
  assert.ok(await isAccepted({}, short))
  assert.ok(await isAccepted({ isStripped: true }, short))
})

test('a signature over one text is none over another', async () => {
  const parts = splitSigned(signed({}, payload)) ?? assert.fail('not taken apart')
  await assert.rejects(
    verifySigned({ ...parts, payload: Buffer.from(payloadOf('l')) }, keyBlob),
    isBadClaim,
  )
})

test('keys that are not plain RSA keys of a sound size are none', () => {
  assert.match(readKeyBlob(keyBlob)?.keyId ?? '', /^openpgp-[0-9a-f]{40}$/)
  const body = keyBody(modulus, exponent)
  const refused: Record<string, Uint8Array> = {
    'bytes behind': keyBlobOf(Buffer.concat([body, Buffer.from([0])])),
    'a secret key packet': keyBlobOf(body, 5),
    'version 3': keyBlobOf(Buffer.concat([Buffer.from([3]), body.subarray(1)])),
    'a short modulus': keyBlobOf(keyBody(modulus.subarray(-127), exponent)),
    'a short modulus behind zeros': keyBlobOf(
      keyBody(Buffer.concat([Buffer.alloc(99), modulus.subarray(-29)]), exponent),
    ),
    'an exponent of 1': keyBlobOf(keyBody(modulus, Buffer.from([1]))),
    'a long modulus': keyBlobOf(keyBody(Buffer.alloc(1025, 0xff), exponent)),
    'an even modulus': keyBlobOf(
      keyBody(Buffer.concat([modulus.subarray(0, -1), Buffer.from([2])]), exponent),
    ),
    'an even exponent': keyBlobOf(keyBody(modulus, Buffer.from([4]))),
    'a long exponent': keyBlobOf(keyBody(modulus, Buffer.from([1, 0, 0, 1]))),
    'no exponent': keyBlobOf(keyBody(modulus, Buffer.alloc(0))),
    'no end of armor': keyBlob.subarray(0, -10),
  }
  for (const [name, blob] of Object.entries(refused))
    assert.equal(readKeyBlob(blob), undefined, name)
})

function payloadOf(key: string): string {
  return `{"camliVersion": 1, "camliSigner": "${refOf(keyBlob)}", "key": "${key}"`
}

async function isAccepted(making: Making, text = payload): Promise<boolean> {
  const parts = splitSigned(signed(making, text)) ?? assert.fail('not taken apart')
  return verifySigned(parts, keyBlob).then(
    () => true,
    error => (isBadClaim(error) ? false : assert.fail(String(error))),
  )
}

function signed(making: Making, text: string): Uint8Array {
  const hashed = hashedPart(making)
  const digest = createHash('sha256').update(trailed(text, hashed)).digest()
  const full = numberOf(text, hashed)
  const number = making.isStripped ? full.subarray(full.findIndex(byte => byte !== 0)) : full
  const start = Buffer.from(making.digestStart ?? digest.subarray(0, 2))
  const behind = Buffer.from(making.behind ?? [])
  const body = Buffer.concat([hashed, Buffer.from([0, 0]), start, mpi(number), behind])
  return Buffer.from(`${text},"camliSig":"${packet(2, body).toString('base64')}=AAAA"}\n`)
}

function hashedPart({ version = 4, type = 0, algorithm = 1, hashed = time }: Making): Buffer {
  return Buffer.from([
    version,
    type,
    algorithm,
    8,
    hashed.length >> 8,
    hashed.length & 0xff,
    ...hashed,
  ])
}

function trailed(text: string, hashed: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(text),
    hashed,
    Buffer.from([4, 0xff, 0, 0, hashed.length >> 8, hashed.length & 0xff]),
  ])
}

function numberOf(text: string, hashed: Buffer): Buffer {
  return sign('sha256', trailed(text, hashed), privateKey)
}

function keyBody(n: Uint8Array, e: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([4, 1, 2, 3, 4, 1]), mpi(n), mpi(e)])
}

function keyBlobOf(body: Uint8Array, tag = 6): Buffer {
  const base64 = packet(tag, body).toString('base64')
  return Buffer.from(
    `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${base64}\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n`,
  )
}

function mpi(number: Uint8Array): Buffer {
  const bits = Buffer.alloc(2)
  bits.writeUInt16BE(number.length * 8)
  return Buffer.concat([bits, number])
}

function packet(tag: number, body: Uint8Array): Buffer {
  const head = Buffer.from([0xc0 | tag, 0xff, 0, 0, 0, 0])
  head.writeUInt32BE(body.length, 2)
  return Buffer.concat([head, body])
}

function isBadClaim(error: unknown): boolean {
  return isPeerkeepError(error, 'BAD_CLAIM')
}
