import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { digestLengthOf, isBlobRef, matchesRef, parseBlobRef, refOf } from '../../src/blob/ref.ts'

const hashNames = ['sha1', 'sha224', 'sha256'] as const
const anyHash = fc.constantFrom(...hashNames)

function refBy(hashName: string, bytes: Uint8Array): string {
  return `${hashName}-${createHash(hashName).update(bytes).digest('hex')}`
}

test('the names that Perkeep gives', () => {
  assert.equal(
    refOf(new Uint8Array(0)),
    'sha224-d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f',
  )
  const foo = Buffer.from('foo')
  assert.equal(refOf(foo), 'sha224-0808f64e60d58979fcb676c96ec938270dea42445aeefcd3a4e6f8db')
  assert.ok(matchesRef(parseBlobRef('sha1-0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33'), foo))
})

test('a name fits its bytes by each hash, and no others', () => {
  const property = fc.property(anyHash, fc.uint8Array(), fc.uint8Array(), (name, bytes, other) => {
    const ref = parseBlobRef(refBy(name, bytes))
    assert.ok(matchesRef(ref, bytes))
    assert.equal(matchesRef(ref, other), Buffer.compare(bytes, other) === 0)
  })
  fc.assert(property)
})

test('any single change makes a ref another one or none', () => {
  const property = fc.property(
    anyHash,
    fc.uint8Array(),
    fc.nat(),
    fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
    (name, bytes, choice, character) => {
      const ref = refBy(name, bytes)
      const at = choice % ref.length
      const changed = ref.slice(0, at) + character + ref.slice(at + 1)
      if (changed !== ref && isBlobRef(changed)) assert.ok(!matchesRef(changed, bytes))
      assert.ok(!isBlobRef(ref.slice(0, at) + ref.slice(at + 1)))
      assert.ok(!isBlobRef(ref.slice(0, at) + character + ref.slice(at)))
    },
  )
  fc.assert(property)
})

test('text that is no ref is refused with BAD_REF, in a message of bounded length', () => {
  const property = fc.property(fc.string({ maxLength: 500, unit: 'binary' }), text => {
    assert.throws(
      () => parseBlobRef(text),
      error => isPeerkeepError(error, 'BAD_REF') && error.message.length < 1000,
    )
  })
  fc.assert(property)
  const digest = 'a'.repeat(56)
  for (const text of [`sha224-${digest}\n`, ` sha224-${digest}`, `SHA224-${digest}`, digest]) {
    assert.throws(() => parseBlobRef(text))
  }
  for (const value of [undefined, null, 5, {}, [`sha224-${digest}`]]) assert.ok(!isBlobRef(value))
})

test('digests have the length of their hash; other names have none', () => {
  for (const name of hashNames) {
    assert.equal(digestLengthOf(name), createHash(name).digest('hex').length)
  }
  for (const name of ['md5', 'toString', '__proto__', '']) {
    assert.equal(digestLengthOf(name), undefined)
  }
})
