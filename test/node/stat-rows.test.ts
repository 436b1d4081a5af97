import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { refOf } from '../../src/blob/ref.ts'
import type { CachedFile } from '../../src/files/stat-cache.ts'
import { openStatRows } from '../../src/node/stat-rows.ts'

const fileOf = (path: string): CachedFile => ({
  signature: `of ${path}`,
  ref: refOf(Buffer.from(path)),
  needs: [],
})

test('each path answers what was put for it, in whatever order they are asked for', async () => {
  // Names that sort before and behind the slash, and one that is too long to be a key.
  const name = fc.constantFrom('a', 'b', 'b!', 'b~', 'é', '\xff', 'x'.repeat(1200))
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map(names => names.join('/'))
  const folders = fc.array(fc.uniqueArray(path, { maxLength: 5 }), { maxLength: 12 })
  const known = fc.uniqueArray(path, { maxLength: 60 })
  const property = fc.asyncProperty(known, folders, async (put, asked) => {
    const rows = openMemoryKeyValue()
    const other = openStatRows(rows, '/home/me2', 'mark')
    const cache = openStatRows(rows, '/home/me', 'mark')
    for (const one of put) {
      cache.put(one, fileOf(one))
      other.put(one, fileOf(`other ${one}`))
    }
    await other.flush()
    await cache.flush()
    for (const folder of asked) {
      const found = await cache.getMany(['', ...folder])
      const expected = folder.map(one => (put.includes(one) ? `of ${one}` : undefined))
      assert.deepEqual(
        found.map(file => file?.signature),
        [undefined, ...expected],
      )
    }
  })
  await fc.assert(property)
})

test('a walk through many folders is answered from stretches that are read at once', async () => {
  const rows = openMemoryKeyValue()
  const folders = Array.from({ length: 300 }, (_, at) =>
    Array.from({ length: 10 }, (_unused, i) => `d${String(at).padStart(3, '0')}/f${i}`),
  )
  const filling = openStatRows(rows, '/src', 'mark')
  for (const path of folders.flat()) filling.put(path, fileOf(path))
  await filling.flush()
  let trips = 0
  const counted = {
    ...rows,
    getMany: (keys: readonly string[]) => {
      trips += 1
      return rows.getMany(keys)
    },
    scan: (range?: Parameters<typeof rows.scan>[0]) => {
      trips += 1
      return rows.scan(range)
    },
  }
  const cache = openStatRows(counted, '/src', 'mark')
  for (const paths of folders) {
    const found = await cache.getMany(paths)
    assert.deepEqual(
      found.map(file => file?.signature),
      paths.map(path => `of ${path}`),
    )
  }
  assert.ok(trips < 60, `${trips} trips for 300 folders`)
})

test('a file is known to be whole only while nothing was lost since it was stored', async () => {
  const rows = openMemoryKeyValue()
  const before = openStatRows(rows, '/src', 'first')
  before.put('a', fileOf('a'))
  await before.flush()
  const [same] = await openStatRows(rows, '/src', 'first').getMany(['a'])
  const [later] = await openStatRows(rows, '/src', 'second').getMany(['a'])
  assert.equal(same?.isWhole, true)
  assert.equal(later?.isWhole, false)
})
