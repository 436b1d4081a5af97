import { test } from 'node:test'

import fc from 'fast-check'

import { compareText } from '../../src/base/text-order.ts'

test('texts compare as their UTF-8 bytes do', () => {
  const unit = fc.constantFrom(
    '\0',
    'a',
    'b',
    'é',
    '\u{d7ff}',
    '\u{e000}',
    '\u{ffff}',
    '\u{10000}',
    '\u{10ffff}',
  )
  const text = fc.oneof(fc.string({ unit, maxLength: 4 }), fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(text, text, (a, b) => {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
      return Math.sign(compareText(a, b)) === expected
    }),
    { numRuns: 2000 },
  )
})
