import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { BLOB_SIZE_MAX } from '../../src/blob/limits.ts'
import {
  encodeDeletedHeader,
  encodeHeader,
  headerBytesMax,
  parseHeader,
} from '../../src/blob/pack-format.ts'
import type { BlobRef } from '../../src/blob/ref.ts'

const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.nat({ max: 15 }).map(digit => digit.toString(16)),
    minLength: length,
    maxLength: length,
  })

const anyRef: fc.Arbitrary<BlobRef> = fc
  .constantFrom(['sha1', 40] as const, ['sha224', 56] as const, ['sha256', 64] as const)
  .chain(([name, length]) => hex(length).map(digits => `${name}-${digits}` as BlobRef))

const anySize = fc.oneof(fc.constantFrom(0, 1, BLOB_SIZE_MAX), fc.nat({ max: BLOB_SIZE_MAX }))

test('a header is read back as it was written, wherever it lies', () => {
  fc.assert(
    fc.property(anyRef, anySize, fc.uint8Array({ maxLength: 100 }), (ref, size, before) => {
      const header = encodeHeader(ref, size)
      const bytes = Buffer.concat([before, header, Buffer.from(']')])
      const expected = { ref, size, length: header.length }
      assert.deepEqual(parseHeader(bytes, before.length), expected)
      assert.ok(header.length <= headerBytesMax)
    }),
  )
})

test('a deleted header has the length and the size of the one it overwrites, and no ref', () => {
  fc.assert(
    fc.property(anyRef, anySize, (ref, size) => {
      const length = encodeHeader(ref, size).length
      assert.deepEqual(parseHeader(encodeDeletedHeader(ref, size)), {
        ref: undefined,
        size,
        length,
      })
    }),
  )
})

test('what Perkeep writes', () => {
  const ref = 'sha1-0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33' as BlobRef
  assert.equal(Buffer.from(encodeHeader(ref, 3)).toString(), `[${ref} 3]`)
  assert.equal(Buffer.from(encodeDeletedHeader(ref, 3)).toString(), `[xxxx-${'0'.repeat(40)} 3]`)
})

test('what is not exactly a header is none', () => {
  const digest = 'a'.repeat(56)
  const wrong = [
    '',
    '[',
    `[sha224-${digest} 5`,
    `sha224-${digest} 5]`,
    `[sha224-${digest}  5]`,
    `[sha224-${digest} 05]`,
    `[sha224-${digest} +5]`,
    `[sha224-${digest} ]`,
    `[sha224-${digest} ${BLOB_SIZE_MAX + 1}]`,
    `[sha224-${digest} 123456789]`,
    `[sha224-${digest}a 5]`,
    `[sha224-${digest.slice(1)} 5]`,
    `[SHA224-${digest} 5]`,
    `[sha224-${digest.toUpperCase()} 5]`,
    `[md5-${'a'.repeat(32)} 5]`,
    `[xxxxxx-${'0'.repeat(55)}1 5]`,
    `[-${'0'.repeat(56)} 5]`,
    `\u0000[sha224-${digest} 5]`,
  ]
  for (const text of wrong) assert.equal(parseHeader(Buffer.from(text)), undefined, text)
})
