import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namePattern } from '../../src/files/find.ts'
for (const [pattern, path] of [
  ['*', '.hidden'],
  ['*.txt', 'a/.x.txt'],
  ['**/config', '.config/config'],
  [String.raw`caf\xe9`, '\xe9'],
  [String.raw`a\b`, String.raw`a\b`],
  ['{a,b}', '{a,b}'],
  ['photo@(2).jpg', 'photo@(2).jpg'],
  ['?', '😀'],
] as const)
  test(`${pattern} finds ${path}`, () => {
    const bytes = path === '\xe9' ? Buffer.from('636166e9', 'hex') : Buffer.from(path)
    assert.equal(namePattern(pattern)(bytes), true)
  })
test('{a,b} does not find a', () => assert.equal(namePattern('{a,b}')(Buffer.from('a')), false))
