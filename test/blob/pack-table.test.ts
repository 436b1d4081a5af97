import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'

import fc from 'fast-check'

import { readTable, type TableRow, writeTable } from '../../src/blob/pack-table.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import { openSimFiles } from '../sim/sim-files.ts'

const path = '/pack-00000.idx'
const packLength = 600_000_000

const anyRow: fc.Arbitrary<TableRow> = fc
  .tuple(fc.constantFrom('sha1', 'sha224', 'sha256'), fc.nat(), fc.nat({ max: packLength }))
  .map(([name, n, offset]) => ({
    ref: `${name}-${hash(name, String(n), 'hex')}` as BlobRef,
    offset,
    size: n % (16 * 1024 * 1024 + 1),
  }))

const anyRows = fc.uniqueArray(anyRow, { selector: row => row.ref, maxLength: 3000 })

const inOrder = (rows: readonly TableRow[]): TableRow[] =>
  rows.toSorted((a, b) => (a.ref < b.ref ? -1 : 1))

test('rows come back sorted by ref, whatever their number', async () => {
  const property = fc.asyncProperty(anyRows, async rows => {
    const files = openSimFiles()
    assert.equal(await writeTable(files, path, packLength, rows), true)
    const read = await readTable(files, path, packLength)
    assert.deepEqual([...(read ?? [])], inOrder(rows))
  })
  await fc.assert(property, { numRuns: 40 })
})

test('refs that begin alike are in order too', async () => {
  const files = openSimFiles()
  const rows = Array.from({ length: 50 }, (_, i) => ({
    ref: `sha224-${'a'.repeat(54)}${String(99 - i)}` as BlobRef,
    offset: i,
    size: i,
  }))
  await writeTable(files, path, packLength, rows)
  assert.deepEqual([...((await readTable(files, path, packLength)) ?? [])], inOrder(rows))
})

test('no table, or one of a pack of another length, is none', async () => {
  const files = openSimFiles()
  assert.equal(await readTable(files, path, 0), undefined)
  await writeTable(files, path, packLength, [])
  assert.deepEqual([...((await readTable(files, path, packLength)) ?? ['none'])], [])
  assert.equal(await readTable(files, path, packLength + 1), undefined)
  assert.equal(await readTable(files, path, 0), undefined)
})

test('a table with any byte changed, cut, or longer is none', async () => {
  const files = openSimFiles()
  const rows = fc.sample(anyRow, { numRuns: 3, seed: 1 })
  await writeTable(files, path, packLength, rows)
  const whole = (await files.readFile(path)) ?? new Uint8Array()
  const read = async (bytes: Uint8Array): Promise<unknown> => {
    await files.remove(path)
    const file = await files.open(path, 'create')
    await file.write([bytes], 0)
    await file.close()
    return readTable(files, path, packLength)
  }
  assert.notEqual(await read(whole), undefined)
  for (let i = 0; i < whole.length; i++) {
    const changed = Uint8Array.from(whole)
    changed[i] = (changed[i] ?? 0) ^ 1
    assert.equal(await read(changed), undefined, `byte ${i}`)
    assert.equal(await read(whole.subarray(0, i)), undefined, `length ${i}`)
  }
  assert.equal(await read(Buffer.concat([whole, Buffer.alloc(1)])), undefined)
})
