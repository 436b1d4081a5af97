import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import {
  type KeyRange,
  type KeyValue,
  type KeyValueOperation,
  prefixRange,
} from '../../src/base/key-value.ts'

const put = (key: string, value = key): KeyValueOperation => ({ type: 'put', key, value })
const remove = (key: string): KeyValueOperation => ({ type: 'delete', key })

/** Texts in the order of their UTF-8 bytes, which is not that of their UTF-16 units. */
const inOrder = [
  '\0',
  'a',
  'a\0',
  'ab',
  'b',
  'é',
  '\u{d7ff}',
  '\u{e000}',
  '\u{ffff}',
  '\u{10000}',
  '\u{10fffe}',
]

/** What every KeyValue must do; `open` gives an empty one. */
export function testKeyValue(name: string, open: () => Promise<KeyValue>): void {
  async function opened(work: (rows: KeyValue) => Promise<void>): Promise<void> {
    const rows = await open()
    try {
      await work(rows)
    } finally {
      await rows.close()
    }
  }

  test(`${name}: what was put is there, what was not or was deleted is not`, () =>
    opened(async rows => {
      await rows.batch([put('a', '1'), put('b', ''), put('c', '3'), remove('c'), remove('never')])
      assert.equal(await rows.get('a'), '1')
      assert.equal(await rows.get('b'), '')
      assert.equal(await rows.get('c'), undefined)
      assert.deepEqual(await rows.getMany(['x', 'b', 'a', 'a']), [undefined, '', '1', '1'])
      await rows.batch([])
      await rows.batch([put('a', '2')], { sync: true })
      assert.equal(await rows.get('a'), '2')
    }))

  test(`${name}: rows come in the order of their keys' UTF-8 bytes`, () =>
    opened(async rows => {
      for (const key of inOrder.toReversed()) await rows.batch([put(key)])
      assert.deepEqual(await keysOf(rows), inOrder)
      assert.deepEqual(await keysOf(rows, { reverse: true }), inOrder.toReversed())
      assert.deepEqual(await keysOf(rows, prefixRange('a')), ['a', 'a\0', 'ab'])
    }))

  test(`${name}: every range answers what a sorted list would`, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            keys,
            keys.map(key => key.repeat(3)),
          ),
        ),
        fc.array(keys),
        ranges,
        async (entries, gone, range) => {
          await opened(async rows => {
            const model = new Map(entries)
            for (const key of gone) model.delete(key)
            await rows.batch(entries.map(([key, value]) => put(key, value)))
            await rows.batch(gone.map(remove))
            assert.deepEqual(await rowsOf(rows, range), modelRows(model, range))
          })
        },
      ),
      { numRuns: 60 },
    ))

  test(`${name}: a large table is scanned whole, forward and back`, () =>
    opened(async rows => {
      const many = Array.from({ length: 5000 }, (_, i) =>
        String((i * 7919) % 5000).padStart(5, '0'),
      )
      await rows.batch(many.map(key => put(key, key.repeat(40))))
      await rows.batch(many.filter((_, i) => i % 3 === 0).map(remove))
      const left = many.filter((_, i) => i % 3 !== 0).sort()
      assert.deepEqual(await keysOf(rows), left)
      assert.deepEqual(await keysOf(rows, { reverse: true }), left.toReversed())
      const range = { from: '01000', until: '04000', limit: 1500 }
      const within = left.filter(key => key >= '01000' && key < '04000')
      assert.deepEqual(await keysOf(rows, range), within.slice(0, 1500))
    }))

  test(`${name}: a scan answers the rows as of its beginning`, () =>
    opened(async rows => {
      const keysBefore = Array.from({ length: 3000 }, (_, i) => String(i).padStart(5, '0'))
      await rows.batch(keysBefore.map(key => put(key, 'before')))
      const seen: (readonly [string, string])[] = []
      for await (const row of rows.scan()) {
        if (seen.length === 0) {
          await rows.batch(keysBefore.map(key => put(key, 'after')))
          await rows.batch([put('00000a'), remove('02000'), remove('00001')])
        }
        seen.push(row)
      }
      assert.deepEqual(
        seen,
        keysBefore.map(key => [key, 'before']),
      )
      assert.equal(await rows.get('02000'), undefined)
    }))

  test(`${name}: a loop that ends early leaves a table that works and closes`, () =>
    opened(async rows => {
      await rows.batch(inOrder.map(key => put(key)))
      for await (const [key] of rows.scan({ from: 'a' })) {
        assert.equal(key, 'a')
        break
      }
      assert.deepEqual(await keysOf(rows), inOrder)
    }))

  test(`${name}: concurrent batches act in the order of their calls, each whole`, () =>
    opened(async rows => {
      const batches = Array.from({ length: 200 }, (_, i) =>
        rows.batch([put('x', String(i)), put(`k${i}`), remove(`k${i - 1}`)], { sync: i % 7 === 0 }),
      )
      await Promise.all(batches)
      assert.deepEqual(await rowsOf(rows), [
        ['k199', 'k199'],
        ['x', '199'],
      ])
    }))

  test(`${name}: what would not come back as it was is refused whole`, () =>
    opened(async rows => {
      const wrong = ['', '\ud800', 'a'.repeat(1025), '\u{10000}'.repeat(257)]
      for (const key of wrong) {
        await assert.rejects(rows.batch([put('good'), put(key, 'v')]), TypeError)
      }
      await assert.rejects(rows.batch([put('good', '\udc00')]), TypeError)
      assert.deepEqual(await keysOf(rows), [])
      await rows.batch([put('\u{10000}'.repeat(256), 'longest')])
      assert.equal(await rows.get('\u{10000}'.repeat(256)), 'longest')
    }))

  test(`${name}: closing waits for running batches, then everything is refused`, async () => {
    const rows = await open()
    const running = Array.from({ length: 20 }, (_, i) => rows.batch([put(String(i))]))
    const scan = rows.scan()[Symbol.asyncIterator]()
    await Promise.all(running)
    await scan.next()
    const late = ['late', 'later', 'latest'].map(key => rows.batch([put(key)]))
    await Promise.all([rows.close(), rows.close()])
    await Promise.all(late)
    const isClosed = (error: unknown): boolean => isPeerkeepError(error, 'CLOSED')
    await assert.rejects(rows.get('1'), isClosed)
    await assert.rejects(rows.getMany(['1']), isClosed)
    await assert.rejects(rows.batch([put('a')]), isClosed)
    await assert.rejects(keysOf(rows), isClosed)
    await assert.rejects(scan.next(), isClosed)
    await rows.close()
  })
}

const keys = fc.string({
  unit: fc.constantFrom('a', 'b', '\u{ffff}', '\u{10000}'),
  minLength: 1,
  maxLength: 4,
})

const ranges: fc.Arbitrary<KeyRange> = fc.record(
  { from: keys, until: keys, reverse: fc.boolean(), limit: fc.integer({ min: 0, max: 6 }) },
  { requiredKeys: [] },
)

function modelRows(model: ReadonlyMap<string, string>, range: KeyRange): [string, string][] {
  const bytes = (text: string): Buffer => Buffer.from(text)
  const { from = '', until, reverse = false, limit = Infinity } = range
  const within = [...model]
    .filter(([key]) => Buffer.compare(bytes(key), bytes(from)) >= 0)
    .filter(([key]) => until === undefined || Buffer.compare(bytes(key), bytes(until)) < 0)
    .sort(([a], [b]) => Buffer.compare(bytes(a), bytes(b)))
  return (reverse ? within.reverse() : within).slice(0, limit)
}

async function rowsOf(rows: KeyValue, range?: KeyRange): Promise<(readonly [string, string])[]> {
  return Array.fromAsync(rows.scan(range))
}

async function keysOf(rows: KeyValue, range?: KeyRange): Promise<string[]> {
  return (await rowsOf(rows, range)).map(([key]) => key)
}
