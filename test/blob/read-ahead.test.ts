import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { openReadAhead } from '../../src/blob/read-ahead.ts'

const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 7919) >>> 3))

interface Counted {
  readonly read: ReturnType<typeof openReadAhead>
  readonly calls: () => number
}

function openCounted(lengthOf: () => number): Counted {
  let calls = 0
  const read = openReadAhead(async (_pack, offset, size) => {
    calls += 1
    return content.subarray(offset, Math.min(offset + size, lengthOf()))
  })
  return { read, calls: () => calls }
}

test('whatever is read in whatever order, beside whatever else, is what lies there', async () => {
  const place = fc.tuple(fc.nat(2_900_000), fc.nat(90_000))
  const property = fc.asyncProperty(fc.array(place, { maxLength: 30 }), async places => {
    const { read } = openCounted(() => content.length)
    const sorted = places.toSorted(([a], [b]) => a - b)
    for (const order of [places, sorted]) {
      const found = await Promise.all(order.map(([offset, size]) => read(0, offset, size)))
      for (const [at, [offset, size]] of order.entries())
        assert.ok(content.subarray(offset, offset + size).equals(found[at] ?? Buffer.of()))
    }
  })
  await fc.assert(property)
})

test('reads that follow each other share calls, also of several readers at once', async () => {
  const { read, calls } = openCounted(() => content.length)
  await Promise.all(
    [0, 1_400_000].map(async begin => {
      for (let at = 0; at < 1_300_000; at += 13_000) await read(0, begin + at, 12_900)
    }),
  )
  assert.ok(calls() <= 8, `${calls()} calls for 200 reads`)
})

test('what is appended after a window was read is found', async () => {
  let length = 50_000
  const { read } = openCounted(() => length)
  for (const at of [0, 10_000, 20_000, 30_000]) await read(0, at, 10_000)
  assert.equal((await read(0, 45_000, 10_000))?.length, 5_000)
  length = 60_000
  const found = await read(0, 45_000, 10_000)
  assert.ok(content.subarray(45_000, 55_000).equals(found ?? Buffer.of()))
})

test('packs do not mix', async () => {
  const read = openReadAhead(async (pack, _offset, size) => Buffer.alloc(size, pack))
  for (const at of [0, 100, 200]) {
    for (const pack of [1, 2]) assert.equal((await read(pack, at, 100))?.[0], pack)
  }
})
