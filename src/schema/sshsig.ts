import { hash } from 'node:crypto'

import { SSH_ED25519, sshPublicKey, sshString } from './ssh-wire.ts'

/** What a signature in `ssh-keygen -Y` form holds. */
export interface SshSignature {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes of ed25519. */
  readonly signature: Uint8Array
}

const MAGIC = Buffer.from('SSHSIG')
const VERSION = Buffer.from([0, 0, 0, 1])
const NAMESPACE = 'peerkeep'
const HASH_NAME = 'sha512'
const PUBLIC_KEY_SIZE = 32
const SIGNATURE_SIZE = 64
const PUBLIC_KEY_AT =
  MAGIC.length +
  VERSION.length +
  4 +
  sshPublicKey(new Uint8Array(PUBLIC_KEY_SIZE)).length -
  PUBLIC_KEY_SIZE

/** The bytes that ed25519 signs for `payload`; their prefix keeps them apart from all else a key signs. */
export function sshSignedBytes(payload: Uint8Array): Uint8Array {
  const digest = hash('sha512', payload, 'buffer')
  return Buffer.concat([MAGIC, ...fixedFields(), sshString(digest)])
}

/** The text for `camliSig`: the SSHSIG blob in base64, without armor. */
export function writeSshSignature(publicKey: Uint8Array, signature: Uint8Array): string {
  const key = sshString(sshPublicKey(publicKey))
  const signed = sshString(Buffer.concat([sshString(SSH_ED25519), sshString(signature)]))
  return Buffer.concat([MAGIC, VERSION, key, ...fixedFields(), signed]).toString('base64')
}

/** Reads what `writeSshSignature` writes, to the character; undefined for any other text. */
export function readSshSignature(text: string): SshSignature | undefined {
  if (text.length !== TEXT_SIZE) return undefined
  const bytes = Buffer.from(text, 'base64')
  const publicKey = new Uint8Array(bytes.subarray(PUBLIC_KEY_AT, PUBLIC_KEY_AT + PUBLIC_KEY_SIZE))
  const signature = new Uint8Array(bytes.subarray(-SIGNATURE_SIZE))
  return writeSshSignature(publicKey, signature) === text ? { publicKey, signature } : undefined
}

const TEXT_SIZE = writeSshSignature(
  new Uint8Array(PUBLIC_KEY_SIZE),
  new Uint8Array(SIGNATURE_SIZE),
).length

/** Namespace, reserved, hash algorithm: the same in the signature and under it. */
function fixedFields(): Uint8Array[] {
  return [sshString(NAMESPACE), sshString(''), sshString(HASH_NAME)]
}
