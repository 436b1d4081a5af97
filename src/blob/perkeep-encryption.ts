import { scrypt } from 'node:crypto'

import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { Decrypter } from 'age-encryption'

import { PeerkeepError } from '../base/errors.ts'

/** Opens what Perkeep's `encrypt` storage wrote; undefined for bytes that this key did not seal. */
export type Decrypt = (sealed: Uint8Array) => Promise<Uint8Array | undefined>

const NONCE_BYTES = 24

/** Perkeep's cost: 2^20 blocks of 1 KiB, so a gigabyte of memory for some seconds. */
const SCRYPT_N = 2 ** 20

const AGE_KEY = /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/

/**
 * The way to open blobs, by the key file of the Perkeep server: with one line `AGE-SECRET-KEY-…` that of 2026 (`0x02` and an
 * age file), with anything else that of 2021 (`0x01`, a nonce, NaCl's secretbox under a key that scrypt makes of the file's bytes).
 * `cost` is for tests.
 */
export async function openDecryption(keyFile: Uint8Array, cost = SCRYPT_N): Promise<Decrypt> {
  const text = Buffer.from(keyFile).toString('latin1').trim()
  if (text === '') throw new PeerkeepError('BAD_USAGE', 'the key file is empty')
  return AGE_KEY.test(text) ? openAge(text) : openSecretBox(await scryptKey(keyFile, cost))
}

function openAge(identity: string): Decrypt {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return async sealed => {
    if (sealed[0] !== 2) return undefined
    try {
      return await decrypter.decrypt(sealed.subarray(1))
    } catch {
      return undefined
    }
  }
}

function openSecretBox(key: Uint8Array): Decrypt {
  return async sealed => {
    if (sealed[0] !== 1 || sealed.length < 1 + NONCE_BYTES) return undefined
    const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
    try {
      return xsalsa20poly1305(key, nonce).decrypt(sealed.subarray(1 + NONCE_BYTES))
    } catch {
      return undefined
    }
  }
}

function scryptKey(secret: Uint8Array, cost: number): Promise<Buffer> {
  const options = { N: cost, r: 8, p: 1, maxmem: 1024 * (cost + 1024) }
  return new Promise((resolve, reject) => {
    scrypt(secret, 'camlistore', 32, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}
