import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import type { BlobRef } from '../../src/blob/ref.ts'
import { openSetTrie, type SetTrie, type SetView } from '../../src/peer/set-trie.ts'
import { converse } from './conversation.ts'
import { manyRefs, refNumber } from './refs.ts'

const key = new Uint8Array(32).fill(7)
const isSlow = process.env['SLOW'] === '1'

function setOf(refs: Iterable<BlobRef>): SetTrie {
  const trie = openSetTrie(key)
  for (const ref of refs) trie.insert(ref)
  return trie
}

function sorted(refs: Iterable<BlobRef>): BlobRef[] {
  return [...refs].sort()
}

function without(set: SetView, other: SetView): BlobRef[] {
  return sorted([...set.members('')].map(({ ref }) => ref).filter(ref => !other.has(ref)))
}

/** Both sides know both differences, each ref once, and bringing over what lacks makes the sets equal. */
function assertReconciles(mine: SetTrie, theirs: SetTrie): void {
  const { asks, answers } = converse(mine, theirs)
  assert.deepEqual(sorted(asks.theyLack), without(mine, theirs))
  assert.deepEqual(sorted(asks.weLack), without(theirs, mine))
  assert.deepEqual(sorted(answers.weLack), sorted(asks.theyLack))
  assert.deepEqual(sorted(answers.theyLack), sorted(asks.weLack))
  assert.equal(asks.isEqual, asks.theyLack.length + asks.weLack.length === 0)
  assert.equal(answers.isEqual, asks.isEqual)
  for (const ref of asks.weLack) mine.insert(ref)
  for (const ref of answers.weLack) theirs.insert(ref)
  assert.equal(mine.fingerprint(''), theirs.fingerprint(''))
  assert.equal(converse(theirs, mine).asks.isEqual, true)
}

test('any two small sets end equal', () => {
  const refs = fc.uniqueArray(fc.nat(400).map(refNumber), { maxLength: 300, size: 'max' })
  fc.assert(
    fc.property(refs, refs, (mine, theirs) => {
      assertReconciles(setOf(mine), setOf(theirs))
    }),
  )
})

test('sets of any two sizes, with anything in common, end equal', () => {
  const sizes = fc.constantFrom(0, 1, 10, 64, 65, 200, 1100, 3000)
  fc.assert(
    fc.property(sizes, sizes, sizes, (common, onlyMine, onlyTheirs) => {
      const mine = setOf(manyRefs(0, common + onlyMine))
      const theirs = setOf([...manyRefs(0, common), ...manyRefs(100_000, onlyTheirs)])
      assertReconciles(mine, theirs)
    }),
    { numRuns: isSlow ? 300 : 30 },
  )
})

test('members of thousands that lack on either side are found', () => {
  for (const [mine, theirs] of [
    [30_000, 0],
    [0, 30_000],
    [30_000, 5],
    [5, 30_000],
    [10_000, 30_000],
  ] as const) {
    const { asks } = converse(setOf(manyRefs(0, mine)), setOf(manyRefs(0, theirs)))
    assert.equal(asks.theyLack.length, Math.max(0, mine - theirs))
    assert.equal(asks.weLack.length, Math.max(0, theirs - mine))
  }
})

test('a branch that lacks as a whole on one side is found', () => {
  for (const prefix of ['4', '41', '412']) {
    const whole = setOf(manyRefs(0, 8000))
    const lacking = setOf(manyRefs(0, 8000))
    for (const { ref } of whole.members(prefix)) lacking.delete(ref)
    assert.ok(lacking.size < whole.size)
    assertReconciles(whole, lacking)
    for (const { ref } of whole.members(prefix)) lacking.delete(ref)
    assertReconciles(lacking, whole)
  }
})

test('equal sets cost less than 200 bytes and one turn', () => {
  for (const size of [0, 1, 50_000]) {
    const { bytes, turns, asks } = converse(setOf(manyRefs(0, size)), setOf(manyRefs(0, size)))
    assert.ok(bytes < 200, `${bytes} bytes`)
    assert.equal(turns, 1)
    assert.ok(asks.isEqual)
  }
})

/** Two sets of `size` with `difference` refs that only one has, half on each side. */
function almostEqual(size: number, difference: number): readonly [SetTrie, SetTrie] {
  const [mine, theirs] = [setOf(manyRefs(0, size)), setOf(manyRefs(0, size))]
  for (let number = 0; number < difference; number += 1) {
    const other = number % 2 === 0 ? mine : theirs
    other.delete(refNumber(Math.floor((number * size) / difference)))
  }
  return [mine, theirs]
}

for (const [size, difference, bytesMax] of [
  [100_000, 10, 5000],
  [100_000, 1000, 160_000],
  ...(isSlow
    ? ([
        [1_000_000, 10, 6500],
        [1_000_000, 1000, 230_000],
        [1_000_000, 100_000, 6_500_000],
      ] as const)
    : []),
] as const) {
  test(`${difference} differences in ${size} cost at most ${bytesMax} bytes`, context => {
    const [mine, theirs] = almostEqual(size, difference)
    const { asks, bytes, turns } = converse(mine, theirs)
    context.diagnostic(`${bytes} bytes in ${turns} turns`)
    assert.equal(asks.theyLack.length + asks.weLack.length, difference)
    assert.ok(bytes <= bytesMax, `${bytes} bytes`)
    // The hellos cross; two turns are a round trip, and the last one needs no answer: three trips.
    if (difference === 10 || (difference === 1000 && size === 1_000_000))
      assert.ok(turns <= 6, `${turns} turns`)
  })
}

test('refs whose short ids agree are still told apart', () => {
  const size = 300
  const [mine, theirs] = [setOf(manyRefs(0, size)), setOf(manyRefs(1, size))]
  // Chance gives no two refs one short id: here a few numbers stand for it.
  const collide = (set: SetTrie): SetView => ({
    ...set,
    get size() {
      return set.size
    },
    idOf: set.idOf,
    *members(prefix) {
      for (const member of set.members(prefix))
        yield {
          ...member,
          id: (member.id.slice(0, 4) + '0'.repeat(12) + member.id.slice(16)) as typeof member.id,
        }
    },
  })
  const { asks, answers } = converse(collide(mine), collide(theirs))
  assert.deepEqual(asks.theyLack, [refNumber(0)])
  assert.deepEqual(asks.weLack, [refNumber(size)])
  assert.deepEqual(answers.weLack, asks.theyLack)
  assert.deepEqual(answers.theyLack, asks.weLack)
})

test('sets that change meanwhile end the conversation all the same, and the next one finds the rest', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: 20, maxLength: 60 }), changes => {
      const [mine, theirs] = almostEqual(3000, 300)
      const queue = [...changes]
      const { asks, answers } = converse(mine, theirs, () => {
        const number = queue.pop()
        if (number === undefined) return
        const set = number % 2 === 0 ? mine : theirs
        const ref = refNumber(number)
        if (!set.insert(ref)) set.delete(ref)
      })
      for (const ref of asks.weLack) mine.insert(ref)
      for (const ref of answers.weLack) theirs.insert(ref)
      assertReconciles(mine, theirs)
    }),
    { numRuns: 20 },
  )
})
