import { createPrivateKey, hash, sign as nodeSign } from 'node:crypto'

import { getPublicKey, hashes, sign as nobleSign } from '@noble/ed25519'

import { refOf } from '../blob/ref.ts'
import { ed25519KeyBlob, ed25519KeyId } from './key-blob.ts'
import type { Signer } from './signer.ts'
import { sshSignedBytes, writeSshSignature } from './sshsig.ts'

const SEED_SIZE = 32

hashes.sha512 = message => new Uint8Array(hash('sha512', message, 'buffer'))

/** Signs what a person does: one claim at a time, by code that can be read to the end. */
export function ed25519Signer(seed: Uint8Array): Signer {
  const secret = copyOfSeed(seed)
  return signerOf(secret, message => nobleSign(message, secret))
}

/** Signs many claims: the same signatures, made by node:crypto in a fraction of the time. */
export function bulkSigner(seed: Uint8Array): Signer {
  const secret = copyOfSeed(seed)
  const jwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    d: base64url(secret),
    x: base64url(getPublicKey(secret)),
  }
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
  return signerOf(secret, message => nodeSign(null, message, privateKey))
}

function signerOf(seed: Uint8Array, sign: (message: Uint8Array) => Uint8Array): Signer {
  const publicKey = getPublicKey(seed)
  const keyBlob = ed25519KeyBlob(publicKey)
  return {
    keyId: ed25519KeyId(publicKey),
    keyBlob,
    keyRef: refOf(keyBlob),
    sign: payload => writeSshSignature(publicKey, sign(sshSignedBytes(payload))),
  }
}

/** A copy, so that wiping or reusing the caller's bytes does not change the key. */
function copyOfSeed(seed: Uint8Array): Uint8Array {
  if (seed.length !== SEED_SIZE)
    throw new TypeError(`an ed25519 seed has ${SEED_SIZE} bytes, not ${seed.length}`)
  return Uint8Array.from(seed)
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
