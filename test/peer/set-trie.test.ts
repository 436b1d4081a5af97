import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { type BlobRef, parseBlobRef } from '../../src/blob/ref.ts'
import { elementOf } from '../../src/peer/keyed-id.ts'
import { LEAF_MEMBERS_MAX, LEAF_MEMBERS_MIN } from '../../src/peer/limits.ts'
import { openMemberPool } from '../../src/peer/member-pool.ts'
import { buildSetTrie, decodeSetTrie, openSetTrie } from '../../src/peer/set-trie.ts'
import { manyRefs, refNumber } from './refs.ts'

const key = new Uint8Array(32).fill(7)
const otherKey = new Uint8Array(32).fill(8)

/** Few different refs, so that generated lists repeat them, of all three hash functions. */
const someRefs = fc.array(fc.nat(300).map(refNumber), { maxLength: 600, size: 'max' })

const vectors: readonly (readonly [members: number, fingerprint: string])[] = [
  [0, '00000000000000000000000000000000'],
  [1, '5d5365ed80f33356a01642e965256666'],
  [3, '4cc1a96204828ca0ab41874dd25e904b'],
  [1000, '34ff2db12ba725872ef0bb167fa8a6db'],
]

test('fingerprints are the ones that every version gives', () => {
  for (const [members, fingerprint] of vectors) {
    const trie = openSetTrie(key)
    for (const ref of manyRefs(0, members)) trie.insert(ref)
    assert.equal(trie.fingerprint('').toString(16).padStart(32, '0'), fingerprint)
  }
  assert.equal(openSetTrie(key).keyCheck, '20c106f6de677987')
})

test('a trie has, counts and lists in order what a plain set has', () => {
  fc.assert(
    fc.property(someRefs, someRefs, fc.stringMatching(/^[0-9a-f]{0,3}$/), (come, go, prefix) => {
      const trie = openSetTrie(key)
      const set = new Set<BlobRef>()
      for (const ref of come) assert.equal(trie.insert(ref), set.size < set.add(ref).size)
      for (const ref of go) assert.equal(trie.delete(ref), set.delete(ref))
      const expected = [...set]
        .map(ref => ({ ref, id: trie.idOf(ref) }))
        .filter(({ id }) => id.startsWith(prefix))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
      assert.deepEqual([...trie.members(prefix)], expected)
      assert.equal(trie.count(prefix), expected.length)
      assert.equal(trie.size, set.size)
      for (const ref of [...come, ...go]) assert.equal(trie.has(ref), set.has(ref))
    }),
  )
})

test('a fingerprint depends on the members alone: not on their order, nor on who left', () => {
  fc.assert(
    fc.property(someRefs, someRefs, fc.stringMatching(/^[0-9a-f]{0,3}$/), (refs, gone, prefix) => {
      const plain = openSetTrie(key)
      for (const ref of new Set(refs)) plain.insert(ref)
      const other = openSetTrie(key)
      for (const ref of [...gone, ...refs.toReversed()]) other.insert(ref)
      for (const ref of gone) if (!plain.has(ref)) other.delete(ref)
      assert.equal(other.fingerprint(prefix), plain.fingerprint(prefix))
    }),
  )
})

test('the fingerprint of a prefix is the sum of its branches, above and below the leaves', () => {
  const trie = openSetTrie(key)
  for (const ref of manyRefs(0, 2000)) trie.insert(ref)
  for (const prefix of ['', '7', 'a0', 'a0c', 'fff0']) {
    const branches = '0123456789abcdef'.split('').map(digit => prefix + digit)
    const sum = branches.reduce((total, branch) => total + trie.fingerprint(branch), 0n)
    assert.equal(BigInt.asUintN(128, sum), trie.fingerprint(prefix))
    assert.equal(
      branches.reduce((total, branch) => total + trie.count(branch), 0),
      trie.count(prefix),
    )
  }
})

test('sets that differ have different fingerprints, and so has one set under two keys', () => {
  fc.assert(
    fc.property(someRefs, fc.nat(400).map(refNumber), (refs, extra) => {
      const trie = openSetTrie(key)
      for (const ref of refs) trie.insert(ref)
      const before = trie.fingerprint('')
      assert.equal(trie.insert(extra), trie.fingerprint('') !== before)
    }),
  )
  const [mine, theirs] = [openSetTrie(key), openSetTrie(otherKey)]
  for (const trie of [mine, theirs]) trie.insert(refNumber(1))
  assert.notEqual(mine.fingerprint(''), theirs.fingerprint(''))
  assert.notEqual(mine.keyCheck, theirs.keyCheck)
})

test('a set that grows and shrinks over and over ends as an empty one', () => {
  const trie = openSetTrie(key)
  const refs = [...manyRefs(0, 5000)]
  for (let round = 0; round < 3; round += 1) {
    for (const ref of refs) assert.ok(trie.insert(ref))
    for (const ref of refs) assert.ok(!trie.insert(ref))
    for (const ref of refs.toReversed()) assert.ok(trie.delete(ref))
    assert.equal(trie.fingerprint(''), 0n)
    assert.deepEqual([...trie.members('')], [])
  }
  assert.equal(trie.encode().length, openSetTrie(key).encode().length)
})

test('a leaf about to split or to join loses nobody', () => {
  const refs = [...manyRefs(0, LEAF_MEMBERS_MAX + 2)]
  const trie = openSetTrie(key)
  for (const ref of refs) trie.insert(ref)
  for (const [index, ref] of refs.entries()) {
    trie.delete(ref)
    const left = refs.slice(index + 1)
    assert.deepEqual(new Set([...trie.members('')].map(member => member.ref)), new Set(left))
  }
  assert.ok(LEAF_MEMBERS_MIN < LEAF_MEMBERS_MAX)
})

test('what was looked at before a change is not what is there after it', () => {
  const trie = openSetTrie(key)
  const refs = [...manyRefs(0, 40)]
  for (const [index, ref] of refs.entries()) {
    assert.equal([...trie.members('')].length, index)
    trie.insert(ref)
  }
  for (const [index, ref] of refs.entries()) {
    assert.equal([...trie.members('')].length, refs.length - index)
    trie.delete(ref)
  }
})

test('one or two members are found by what they add up to, and nobody else is', () => {
  const trie = openSetTrie(key)
  for (const ref of manyRefs(0, 400)) trie.insert(ref)
  // Leaves of it are joined late: some prefixes are nodes with few members, others lie below a leaf.
  for (const ref of manyRefs(0, 360)) trie.delete(ref)
  const left = [...trie.members('')]
  for (const [index, first] of left.entries()) {
    for (const second of left.slice(index)) {
      const pair = first === second ? [first] : [first, second]
      const sum = BigInt.asUintN(
        64,
        pair.reduce((all, { id }) => all + elementOf(id), 0n),
      )
      for (const prefix of ['', first.id.slice(0, 1), first.id.slice(0, 2)]) {
        const isBeneath = second.id.startsWith(prefix)
        assert.deepEqual(trie.membersThatSumTo(prefix, sum), isBeneath ? pair : undefined)
      }
      const upperBit = BigInt.asUintN(64, sum + 2n ** 63n)
      assert.equal(trie.membersThatSumTo('', upperBit), undefined)
    }
  }
  assert.equal(trie.membersThatSumTo('', 0n), undefined)
})

test('a member is found by its sum after a checkpoint, too', () => {
  const trie = openSetTrie(key)
  for (const ref of manyRefs(0, 50)) trie.insert(ref)
  const read = decodeSetTrie(key, trie.encode())
  for (const { ref, id } of trie.members('')) {
    assert.ok(read?.has(ref))
    const found = read?.membersThatSumTo('', BigInt.asUintN(64, elementOf(id)))
    assert.deepEqual(found, [{ ref, id }])
  }
})

test('digests that begin alike are different refs by different hash functions', () => {
  const alike = [`sha1-${'0'.repeat(40)}`, `sha224-${'0'.repeat(56)}`, `sha256-${'0'.repeat(64)}`]
  for (const first of alike.map(parseBlobRef)) {
    const trie = openSetTrie(key)
    trie.insert(first)
    for (const ref of alike.map(parseBlobRef)) assert.equal(trie.insert(ref), ref !== first)
    assert.deepEqual([...trie.members('')].map(member => member.ref).sort(), alike)
  }
})

test('refs whose tags agree are still told apart', () => {
  const pool = openMemberPool()
  const first = pool.push(refNumber(0), 5, 0)
  const head = pool.push(refNumber(1), 5, first)
  assert.deepEqual(pool.find(head, refNumber(0), 5), { slot: first, before: head })
  assert.deepEqual(pool.find(head, refNumber(1), 5), { slot: head, before: 0 })
  for (const other of [2, 3, 13]) assert.equal(pool.find(head, refNumber(other), 5).slot, 0)
  const alike = ['sha1-', 'sha224-', 'sha256-'].map((name, index) =>
    parseBlobRef(name + '0'.repeat([40, 56, 64][index] ?? 0)),
  )
  for (const one of alike) {
    const alone = pool.push(one, 5, 0)
    for (const ref of alike) assert.equal(pool.find(alone, ref, 5).slot, ref === one ? alone : 0)
  }
})

test('the room of a member that left is taken by the next one', () => {
  const pool = openMemberPool()
  const first = pool.push(refNumber(0), 5, 0)
  pool.push(refNumber(1), 6, first)
  pool.release(first)
  assert.equal(pool.push(refNumber(2), 7, 0), first)
  assert.equal(pool.refAt(first), refNumber(2))
})

test('a set built of a listing is the set of its refs', async () => {
  async function* listing(): AsyncGenerator<BlobRef> {
    yield* manyRefs(0, 500)
    yield* manyRefs(400, 200)
  }
  const built = await buildSetTrie(key, listing())
  const inserted = await buildSetTrie(key, manyRefs(0, 600))
  assert.equal(built.size, 600)
  assert.equal(built.fingerprint(''), inserted.fingerprint(''))
})

test('a checkpoint read is the set written, and lives on', () => {
  fc.assert(
    fc.property(someRefs, someRefs, (refs, later) => {
      const trie = openSetTrie(key)
      for (const ref of refs) trie.insert(ref)
      const read = decodeSetTrie(key, trie.encode())
      assert.ok(read)
      assert.deepEqual([...read.members('')], [...trie.members('')])
      for (const one of [trie, read]) {
        for (const ref of later) one.insert(ref)
        for (const ref of refs) one.delete(ref)
      }
      assert.equal(read.fingerprint(''), trie.fingerprint(''))
      assert.deepEqual([...read.members('')], [...trie.members('')])
    }),
  )
})

test('a checkpoint that is broken, cut short or of another key is none', () => {
  const trie = openSetTrie(key)
  for (const ref of manyRefs(0, 100)) trie.insert(ref)
  const bytes = trie.encode()
  for (let at = 0; at < bytes.length; at += 1) {
    const broken = Uint8Array.from(bytes)
    broken[at] = (broken[at] ?? 0) ^ 0x10
    assert.equal(decodeSetTrie(key, broken), undefined)
    assert.equal(decodeSetTrie(key, bytes.subarray(0, at)), undefined)
  }
  assert.equal(decodeSetTrie(key, Buffer.concat([bytes, Uint8Array.of(0)])), undefined)
  assert.equal(decodeSetTrie(otherKey, bytes), undefined)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), garbage => {
      assert.equal(decodeSetTrie(key, garbage), undefined)
    }),
  )
})

test('a key of another length is a mistake of the program', () => {
  assert.throws(() => openSetTrie(new Uint8Array(16)), TypeError)
})
