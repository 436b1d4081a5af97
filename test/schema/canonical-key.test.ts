import assert from 'node:assert/strict'
import { test } from 'node:test'

import { canonicalKeyBlob, readKeyBlob } from '../../src/schema/key-blob.ts'
import { gpgExport } from '../vectors/perkeep/gpg-export.ts'
import { keyBlob } from '../vectors/perkeep/signed-cases.ts'
import { signerNamed } from '../index/index-world.ts'

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

test("what gpg exports is the key that Perkeep's claims name, byte for byte", () => {
  const exported = gpgExport()
  assert.equal(readKeyBlob(exported)?.keyId, readKeyBlob(keyBlob)?.keyId)
  assert.notEqual(text(exported), text(keyBlob))
  assert.equal(text(canonicalKeyBlob(exported)), text(keyBlob))
})

test('a key in its one form stays as it is, and what is no key has none', () => {
  assert.equal(text(canonicalKeyBlob(keyBlob)), text(keyBlob))
  const device = signerNamed('laptop').keyBlob
  assert.equal(canonicalKeyBlob(device), device)
  assert.equal(canonicalKeyBlob(Buffer.from('hello')), undefined)
  assert.equal(canonicalKeyBlob(keyBlob.subarray(0, 200)), undefined)
})
