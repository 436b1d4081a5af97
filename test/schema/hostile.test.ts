import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { BLOB_SIZE_MAX } from '../../src/blob/limits.ts'
import { isBlobRef, parseBlobRef, refOf } from '../../src/blob/ref.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { SCHEMA_SIZE_MAX } from '../../src/schema/limits.ts'
import { bytesOfJson, isSafeName, mixedArray, textOfBytes } from '../../src/schema/name-bytes.ts'
import { neededRefs, parseSchema, refsIn } from '../../src/schema/parse-schema.ts'
import { formatTime, parseTime } from '../../src/schema/time.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { arbitraryTime, schemaByType } from './schema-arbitraries.ts'

/** What is put into the middle of schema: breaks of JSON, of UTF-8, of numbers, of types and of keys. */
const tokens = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  '\\u0000',
  'null',
  'true',
  ' ',
  '\n',
  '\0',

  '-1',
  '1e999',
  '1e-999',
  '9007199254740992',
  '18446744073709551616',
  '0.5',
  '-0',
  '1'.repeat(400),

  '{}',
  '[]',
  '"x"',
  '""',
  '[[[[',
  '['.repeat(70),
  `${'[{"a":'.repeat(40)}1`,
  `"${refOf(Buffer.from('x'))}"`,

  '"camliVersion":1,',
  '"CAMLIVERSION":2,',
  '"camliType":"claim",',
  '"camliType":"file",',

  '"__proto__":',
  '"__proto__":{"camliType":"file"},',
  '"parts":[],',
  '"PARTS":{},',
  '"size":3,',

  '"member\u017f":[],',
  '"value":"\\ud800",',
  '"\u212aey":"x",',
  '"search":{"__proto__":1},',
  '2020-01-01T00:00:00Z',
  '9999-12-31T23:59:59-23:59',
  '/',
  '..',
  '\u2028',
  '\ufeff',
  '\ufffd',
].map(token => Buffer.from(token))
const rawTokens = ['ff', 'c0af', 'eda080', 'f4908080', 'e2', 'efbbbf'].map(hex =>
  Buffer.from(hex, 'hex'),
)
const allTokens = [...tokens, ...rawTokens]

interface Edit {
  readonly at: number
  readonly cut: number
  readonly put: Buffer
  readonly copy: number
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat({ max: 9999 }),
  cut: fc.oneof(fc.constant(0), fc.nat({ max: 12 })),
  put: fc.oneof(
    fc.constantFrom(...allTokens),
    fc.uint8Array({ maxLength: 2 }).map(bytes => Buffer.from(bytes)),
  ),
  copy: fc.oneof(fc.constant(0), fc.nat({ max: 200 })),
})

/** Mutates where `at` (in ten-thousandths of the length) says: cuts some bytes out, puts some in, repeats some. */
function mutate(bytes: Uint8Array, edits: readonly Edit[]): Buffer {
  let text = Buffer.from(bytes)
  for (const { at, cut, put, copy } of edits) {
    const place = Math.floor((at * text.length) / 10_000)
    const behind = text.subarray(place + cut)
    text = Buffer.concat([text.subarray(0, place), put, behind.subarray(0, copy), behind])
  }
  return text
}

const edits = fc.array(edit, { minLength: 1, maxLength: 4 })
const originals = Object.values(schemaByType).flatMap(schemas => {
  return fc.sample(schemas, { numRuns: 60, seed: 1 }).map(writeSchema)
})

test('schema that was tampered with is read as something or as nothing, and never throws', () => {
  let understood = 0
  fc.assert(
    fc.property(fc.constantFrom(...originals), edits, (original, changes) => {
      const bytes = mutate(original, changes)
      const refs = new Set(refsIn(bytes))
      const schema = parseSchema(bytes)
      assert.equal(classifyBlob(bytes), schema ? 'meta' : 'data')
      if (!schema) return
      understood += 1
      for (const ref of neededRefs(schema)) assert.ok(refs.has(ref))
      if (schema.type === 'unknown') return
      const written = writeSchema(schema)
      const again = parseSchema(written)
      assert.ok(again && again.type === schema.type)
      assert.deepEqual(Buffer.from(writeSchema(again)), Buffer.from(written))
    }),
    { numRuns: 40_000 },
  )
  assert.ok(understood > 1000, `only ${understood} were still schema`)
  assert.deepEqual(Object.keys(Object.prototype), [])
})

test('bytes that never were schema are none', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(fc.constantFrom(...allTokens)),
      (noise, list) => {
        const bytes = Buffer.concat([Buffer.from('{"camliVersion":1,'), noise, ...list])
        const schema = parseSchema(bytes)
        assert.ok(schema === undefined || /camlitype/i.test(bytes.toString()))
        refsIn(bytes)
      },
    ),
    { numRuns: 5000 },
  )
})

/** The largest schema that has as many of these as fit. */
function crowd(open: string, item: (at: number) => string, close: string): Buffer {
  const head = `{"camliVersion":1,"camliType":"claim"${open}`
  const items: string[] = []
  let size = head.length + close.length + 1
  for (let at = 0; ; at += 1) {
    const next = item(at)
    size += Buffer.byteLength(next) + 1
    if (size > SCHEMA_SIZE_MAX) return Buffer.from(`${head}${items.join(',')}${close}}`)
    items.push(next)
  }
}

describe('the largest schema costs time as its bytes do', { timeout: 60_000 }, () => {
  const crowds: Readonly<Record<string, Buffer>> = {
    'equal keys': crowd(',', () => '"":0', ''),
    'different keys': crowd(',', at => `"${at.toString(36)}":0`, ''),
    'escaped keys': crowd(',', at => `"\\u0041${at.toString(36)}":0`, ''),
    objects: crowd(',"x":[', () => '{}', ']'),
    'objects with a key': crowd(',"x":[', () => '{"":0}', ']'),
    strings: crowd(',"x":[', () => '""', ']'),
    'one long key': crowd(',"', () => '\\\\', '":1'),
    blanks: crowd(',"x":[', () => '""'.padEnd(100_000), ']'),
    'open strings': Buffer.from('"'.padStart(SCHEMA_SIZE_MAX, '{"camliVersion":1,"')),
    'open brackets': Buffer.from('{"camliVersion":'.padEnd(SCHEMA_SIZE_MAX, '[')),
    'closed brackets': Buffer.from('{"camliVersion":'.padEnd(SCHEMA_SIZE_MAX, ']')),
    parts: crowd(',"camliType":"file","parts":[', () => '{}', ']'),
    'bytes of a name': crowd(',"camliType":"file","fileNameBytes":[', () => '255', ']'),
    'no byte of a name': crowd(',"camliType":"file","fileNameBytes":[', () => '""', ']'),
  }
  for (const [what, bytes] of Object.entries(crowds)) {
    test(what, () => {
      assert.ok(bytes.length <= SCHEMA_SIZE_MAX)
      const schema = parseSchema(bytes)
      assert.ok(schema === undefined || schema.type === 'file')
      refsIn(bytes)
    })
  }

  test('data that begins like schema is told by its size', () => {
    const bytes = Buffer.alloc(BLOB_SIZE_MAX, '{"camliVersion": 1,')
    for (let at = 0; at < 20_000; at += 1) assert.equal(classifyBlob(bytes), 'data')
  })
})

test('text that looks like a time is one, or none', () => {
  fc.assert(
    fc.property(arbitraryTime, edits, (time, changes) => {
      const text = mutate(Buffer.from(formatTime(time)), changes.slice(0, 2)).toString()
      const read = parseTime(text)
      if (read === undefined) return
      assert.equal(parseTime(formatTime(read)), read)
      // JavaScript reads the milliseconds of every such time alike.
      assert.equal(
        Number((read - (((read % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n),
        Date.parse(text),
      )
    }),
    { numRuns: 20_000 },
  )
})

test('text that looks like a ref is one, or refused as such', () => {
  const refs = [
    refOf(Buffer.from('x')),
    `sha1-${'0'.repeat(40)}`,
    `sha256-${'f'.repeat(64)}`,
    `md5-${'0'.repeat(32)}`,
  ]
  fc.assert(
    fc.property(fc.constantFrom(...refs), edits, (ref, changes) => {
      const text = mutate(Buffer.from(ref), changes.slice(0, 1)).toString()
      const [name, hex = '', ...more] = text.split('-')
      const length = new Map([
        ['sha1', 40],
        ['sha224', 56],
        ['sha256', 64],
      ]).get(name ?? '')
      const isOne =
        more.length === 0 &&
        hex.length === length &&
        Array.from(hex).every(digit => '0123456789abcdef'.includes(digit))
      assert.equal(isBlobRef(text), isOne)
      if (!isOne)
        assert.throws(
          () => parseBlobRef(text),
          error => isPeerkeepError(error, 'BAD_REF'),
        )
    }),
    { numRuns: 10_000 },
  )
})

const nearlyText = fc
  .array(fc.oneof(fc.constantFrom(...allTokens), fc.uint8Array({ maxLength: 3 })), { maxLength: 8 })
  .map(pieces => Buffer.concat(pieces))

test('every name comes back from schema, byte for byte, in the longest runs', () => {
  fc.assert(
    fc.property(nearlyText, bytes => {
      const items = mixedArray(bytes)
      assert.equal(Buffer.from(bytesOfJson(items) ?? []).toString('hex'), bytes.toString('hex'))
      assert.equal(
        textOfBytes(bytes) === undefined,
        items.some(item => typeof item === 'number'),
      )
      assert.ok(
        !items.some((item, at) => typeof item === 'string' && typeof items[at + 1] === 'string'),
      )
      // Bytes in a row that are numbers hold no text among them: else that would be a run of its own.
      assert.ok(items.every(item => typeof item === 'string' || item >= 0x80))
    }),
    { numRuns: 10_000 },
  )
})

test('names that would leave their directory are not safe', () => {
  for (const name of ['', '.', '..', '/', 'a/b', '../a', 'a\0', '\0', 'x'.repeat(256)]) {
    assert.equal(isSafeName(Buffer.from(name)), false, JSON.stringify(name))
  }
  for (const name of ['...', '.a', 'a\\b', ' ', '\n', 'x'.repeat(255), '\ufeff']) {
    assert.equal(isSafeName(Buffer.from(name)), true, JSON.stringify(name))
  }
})
