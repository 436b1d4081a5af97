import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import { ownerSeed, readWords, recoverySeed, wordsOf } from '../../src/schema/words.ts'

interface KeyVector {
  readonly name: string
  readonly entropy: string
  readonly words: string
  readonly ownerSeed: string
  readonly recoverySeed: string
  readonly ownerKeyId: string
  readonly ownerKeyBlob: string
  readonly ownerKeyRef: string
}

// Made by a program of its own in another language, over OpenSSL.
const path = new URL('../vectors/peerkeep/keys.json', import.meta.url)
const vectors = JSON.parse(readFileSync(path, 'utf8')) as readonly KeyVector[]
const entropies = fc.uint8Array({ minLength: 32, maxLength: 32 })

for (const vector of vectors) {
  test(`words give the same keys for ever: ${vector.name}`, () => {
    const entropy = readWords(vector.words)
    assert.equal(hex(entropy), vector.entropy)
    assert.equal(wordsOf(entropy), vector.words)
    assert.equal(hex(ownerSeed(entropy)), vector.ownerSeed)
    assert.equal(hex(recoverySeed(entropy)), vector.recoverySeed)
    const owner = ed25519Signer(ownerSeed(entropy))
    assert.equal(owner.keyId, vector.ownerKeyId)
    assert.equal(Buffer.from(owner.keyBlob).toString(), vector.ownerKeyBlob)
    assert.equal(owner.keyRef, vector.ownerKeyRef)
  })
}

test('words are read as people write them', () => {
  const styles: ((words: readonly string[]) => string)[] = [
    words => words.join(' ').toUpperCase(),
    words => `\n  ${words.join('\t \r\n')}  `,
    words => words.map((word, i) => `${i + 1}. ${word}`).join('\n'),
    words => words.map((word, i) => `${i + 1}) ${word}`).join('   '),
    words => words.map((word, i) => `${i + 1}${word}`).join(', '),
    words => words.map((word, i) => `${i + 1}.${word}`).join('\u00a0'),
  ]
  fc.assert(
    fc.property(entropies, fc.constantFrom(...styles), (entropy, style) => {
      assert.deepEqual(readWords(style(wordsOf(entropy).split(' '))), entropy)
    }),
  )
})

test('a misspelt word is named by its place, and no word is repeated in the message', () => {
  fc.assert(
    fc.property(entropies, fc.integer({ min: 0, max: 23 }), (entropy, at) => {
      const words = wordsOf(entropy).split(' ')
      words[at] = 'peerkeep'
      const message = messageOf(words.join(' '))
      assert.match(message, new RegExp(`word ${at + 1} is`))
      assert.doesNotMatch(message, /peerkeep/)
    }),
  )
})

test('missing, additional and swapped words are refused', () => {
  const words = (vectors.find(vector => vector.name === 'counting')?.words ?? '').split(' ')
  assert.match(messageOf(''), /there are 0/)
  assert.match(messageOf(words.slice(1).join(' ')), /there are 23/)
  assert.match(messageOf([...words, 'zoo'].join(' ')), /there are 25/)
  assert.match(messageOf([words[1], words[0], ...words.slice(2)].join(' ')), /do not fit together/)
})

function messageOf(text: string): string {
  try {
    readWords(text)
  } catch (error) {
    assert.ok(isPeerkeepError(error, 'BAD_WORDS'), String(error))
    return error.message
  }
  return assert.fail('the words were taken')
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
