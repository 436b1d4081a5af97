import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { SCHEMA_SIZE_MAX } from '../../src/schema/limits.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import type { DirectorySchema, StaticSetSchema } from '../../src/schema/schema-blob.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { readDirectory, readMembers } from '../../src/schema/tree-reader.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { BlobMap } from './blob-map.ts'

const refs = Array.from({ length: 25_000 }, (_, at) => refOf(Buffer.from(String(at))))

function keepSet(map: BlobMap, members: readonly BlobRef[], membersMax?: number): StaticSetSchema {
  const { top, blobs } = writeStaticSet(members, membersMax)
  for (const bytes of blobs) {
    assert.ok(bytes.length <= SCHEMA_SIZE_MAX)
    map.keep(bytes)
  }
  const set = parseSchema(blobs.at(-1) ?? Buffer.alloc(0))
  assert.ok(set?.type === 'static-set')
  assert.equal(refOf(blobs.at(-1) ?? Buffer.alloc(0)), top)
  return set
}

function sizesBelow(map: BlobMap, set: StaticSetSchema): (number | undefined)[] | undefined {
  return set.mergeSets?.map(ref => {
    const below = parseSchema(map.blobs.get(ref) ?? Buffer.alloc(0))
    return below?.type === 'static-set' ? below.members?.length : undefined
  })
}

const expected: readonly [size: number, subsets: readonly number[] | undefined][] = [
  [0, undefined],
  [1, undefined],
  [10_000, undefined],
  [10_001, [10_000, 1]],
  [20_000, [10_000, 10_000]],
  [25_000, [10_000, 10_000, 5000]],
]

for (const [size, subsets] of expected) {
  test(`${size} members are split as Perkeep splits them, and read back`, async () => {
    const map = new BlobMap()
    const members = refs.slice(0, size)
    const set = keepSet(map, members)
    assert.deepEqual(sizesBelow(map, set), subsets)
    assert.equal(set.members?.length, subsets ? undefined : size)
    const top = refOf(writeSchema(set))
    assert.deepEqual(await Array.fromAsync(readMembers(map.fetch, top)), members)
  })
}

test('sets of sets, as for a hundred million members, are read back', async () => {
  for (const membersMax of [3, 4, 7]) {
    for (let size = 0; size < 130; size += 1) {
      const map = new BlobMap()
      const members = refs.slice(0, size)
      const { top, blobs } = writeStaticSet(members, membersMax)
      for (const bytes of blobs) map.keep(bytes)
      assert.deepEqual(await Array.fromAsync(readMembers(map.fetch, top)), members)
    }
  }
  const map = new BlobMap()
  // By the rule: k = floor(10/3) = 3, so 2 subsets of floor(10/2), each split again, and no rest.
  assert.deepEqual(sizesBelow(map, keepSet(map, refs.slice(0, 10), 3)), [undefined, undefined])
  // k = floor(11/3) = 3, so 2 subsets of 5, and one with the rest.
  assert.deepEqual(sizesBelow(map, keepSet(map, refs.slice(0, 11), 3)), [undefined, undefined, 1])
})

async function readAll(map: BlobMap, set: StaticSetSchema): Promise<BlobRef[]> {
  return Array.fromAsync(readMembers(map.fetch, map.keepSchema(set)))
}

const isBad = (error: unknown): boolean => isPeerkeepError(error, 'BAD_SCHEMA')

test('a set that stands twice in a directory is refused', async () => {
  const map = new BlobMap()
  let subset = map.keepSchema({ type: 'static-set', members: refs.slice(0, 2) })
  for (let level = 0; level < 8; level += 1) {
    subset = map.keepSchema({
      type: 'static-set',
      mergeSets: Array.from({ length: 9 }, () => subset),
    })
  }
  await assert.rejects(readAll(map, { type: 'static-set', mergeSets: [subset] }), isBad)
  assert.ok(map.fetched < 100)
})

test('more sets than the largest directory has are refused before they are fetched', async () => {
  const map = new BlobMap()
  await assert.rejects(
    readAll(map, { type: 'static-set', mergeSets: refs.slice(0, 12_000) }),
    isBad,
  )
  assert.equal(map.fetched, 1)
})

test('a long chain of sets costs no more than as many sets side by side', async () => {
  const map = new BlobMap()
  let top = map.keepSchema({ type: 'static-set', members: refs.slice(0, 5000) })
  for (let at = 0; at < 3000; at += 1)
    top = map.keepSchema({ type: 'static-set', mergeSets: [top] })
  assert.equal((await Array.fromAsync(readMembers(map.fetch, top))).length, 5000)
  assert.equal(map.fetched, 3001)
})

test('a set that is missing, or is none, is named', async () => {
  const map = new BlobMap()
  const gone = refs[0] ?? assert.fail()
  await assert.rejects(readAll(map, { type: 'static-set', mergeSets: [gone] }), error => {
    return isPeerkeepError(error, 'BLOB_MISSING') && error.details['ref'] === gone
  })
  const file = map.keepSchema({ type: 'file', parts: [] })
  await assert.rejects(readAll(map, { type: 'static-set', mergeSets: [file] }), error => {
    return isPeerkeepError(error, 'BAD_SCHEMA') && error.details['ref'] === file
  })
})

test('members win over subsets, but an empty list does not hide them', async () => {
  const map = new BlobMap()
  const subset = map.keepSchema({ type: 'static-set', members: refs.slice(0, 2) })
  const [one] = refs
  assert.ok(one)
  assert.deepEqual(
    await readAll(map, { type: 'static-set', members: [one], mergeSets: [subset] }),
    [one],
  )
  assert.deepEqual(
    await readAll(map, { type: 'static-set', members: [], mergeSets: [subset] }),
    refs.slice(0, 2),
  )
})

test('a directory lists what it has in order, also what is missing or strange', async () => {
  const map = new BlobMap()
  const members = Array.from({ length: 100 }, (_, at) => {
    return map.keepSchema({ type: 'file', name: Buffer.from(`f${at}`), parts: [] })
  })
  const strange = [map.keep(Buffer.from('data')), map.keepSchema({ type: 'bytes', parts: [] })]
  const gone = refs.slice(0, 1)
  const entries = map.keepSchema({ type: 'static-set', members: [...members, ...strange, ...gone] })
  const directory: DirectorySchema = { type: 'directory', entries }
  const listed = await Array.fromAsync(readDirectory(map.fetch, directory))
  assert.deepEqual(
    listed.map(entry => entry.ref),
    [...members, ...strange, ...gone],
  )
  const names = listed.map(({ node }) => node?.name && Buffer.from(node.name).toString())
  assert.deepEqual(names, [...members.map((_, at) => `f${at}`), undefined, undefined, undefined])
  assert.equal(listed.filter(({ node }) => node === undefined).length, 3)
})
