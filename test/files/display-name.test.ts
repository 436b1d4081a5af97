import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { bytesOfDisplay, displayName } from '../../src/files/display-name.ts'

test('what is shown of a name is understood as that name, whatever its bytes', () => {
  const names = fc.oneof(
    fc.uint8Array(),
    fc
      .constantFrom(String.raw`\x41`, String.raw`a\b`, String.raw`\x5cx41`, 'é', '\\')
      .map(text => Buffer.from(text)),
  )
  fc.assert(
    fc.property(names, name => {
      assert.deepEqual(Buffer.from(bytesOfDisplay(displayName(name))), Buffer.from(name))
    }),
  )
})
