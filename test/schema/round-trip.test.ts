import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { refOf } from '../../src/blob/ref.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import { formatTime, parseTime } from '../../src/schema/time.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { arbitraryTime, said, schemaByType } from './schema-arbitraries.ts'

describe('what is written is read back', () => {
  for (const [type, schemas] of Object.entries(schemaByType)) {
    test(type, () => {
      fc.assert(
        fc.property(schemas, schema => {
          const bytes = writeSchema(schema)
          assert.deepEqual(said(parseSchema(bytes)), said(schema))
          assert.ok(bytes.length > 0 && bytes.at(-1) === 0x7d)
        }),
        { numRuns: 300 },
      )
    })
  }
})

describe('times', () => {
  test('every time with a text comes back', () => {
    fc.assert(
      fc.property(arbitraryTime, time => {
        assert.equal(parseTime(formatTime(time)), time)
      }),
      { numRuns: 2000 },
    )
  })

  test('are read with any offset', () => {
    assert.equal(parseTime('1970-01-01T01:30:00+01:30'), 0n)
    assert.equal(parseTime('1969-12-31T22:00:00.5-02:00'), 500_000_000n)
    // Perkeep's way to say that the zone is not known: a minute west of UTC.
    assert.equal(parseTime('1970-01-01T00:00:00-00:01'), 60_000_000_000n)
    assert.equal(formatTime(-999_999_999n), '1969-12-31T23:59:59.000000001Z')
  })

  for (const text of [
    '2011-02-30T00:00:00Z',
    '2011-02-03T24:00:00Z',
    '2011-02-03T23:59:60Z',
    '2011-02-03 04:05:06Z',
    '2011-02-03T04:05:06',
    '2011-02-03T04:05:06z',
    '2011-02-03T04:05:06.Z',
    '2011-02-03T04:05:06+24:00',
    '2011-02-03T04:05:06+00:60',
    '0000-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '+010000-01-01T00:00:00Z',
    '',
  ]) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(parseTime(text), undefined)
    })
  }

  test('a file whose time no text can hold is written without it', () => {
    const year10000 = 253_402_300_800_000_000_000n
    const bytes = writeSchema({ type: 'file', parts: [], mtime: year10000, ctime: -year10000 })
    assert.deepEqual(said(parseSchema(bytes)), said({ type: 'file', parts: [] }))
  })

  test('a share is never written without the end that it has', () => {
    const signer = refOf(Buffer.from('key'))
    const share = {
      claimType: 'share',
      authType: 'haveref',
      transitive: false,
      expires: 253_402_300_800_000_000_000n,
    } as const
    assert.throws(() => writeSchema({ type: 'claim', signer, date: 1n, claim: share }), RangeError)
  })
})
