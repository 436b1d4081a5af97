import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { NEEDERS_ROWS_PER_REF } from '../../src/index/limits.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { openWorld } from './index-world.ts'

const refs = Array.from({ length: 400 }, (_, i) => refOf(Buffer.from(`member ${i}`))).sort()
/** Each ref is in three sets, one in all of them. */
const [popular = assert.fail('no refs'), ...others] = refs.toReversed()
const sets = Array.from({ length: 60 }, (_, i) => [
  popular,
  ...others.filter((_member, at) => [at % 60, (at * 7) % 60, (at + 30) % 60].includes(i)),
])

async function needs(asked: readonly BlobRef[]): Promise<string[]> {
  const { index, add } = await openWorld()
  await add(...sets.flatMap(members => writeStaticSet(members).blobs))
  const found = await Array.fromAsync(index.needers(asked), ({ needed, by }) => `${needed} ${by}`)
  const order = found.map(pair => pair.slice(0, pair.indexOf(' ')))
  assert.ok(order.every((ref, at) => at === 0 || (order[at - 1] ?? '') <= ref))
  return [...new Set(found)].sort()
}

function expected(asked: readonly BlobRef[]): string[] {
  const pairs = asked.flatMap(ref =>
    sets
      .filter(members => members.includes(ref))
      .map(members => `${ref} ${writeStaticSet(members).top}`),
  )
  return [...new Set(pairs)].sort()
}

test('what needs blobs is found where they lie close together, far apart, and for none', async () => {
  const [first, last] = [refs[0], refs.at(-2)]
  assert.ok(first !== undefined && last !== undefined)
  // Between the two are more edges than one walk passes.
  assert.ok(3 * refs.length > 2 * NEEDERS_ROWS_PER_REF)
  for (const asked of [
    refs,
    [first, last],
    [first, popular],
    [popular],
    [refOf(Buffer.from('x'))],
    [],
  ])
    assert.deepEqual(await needs(asked), expected(asked))
})
