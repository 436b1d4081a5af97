import assert from 'node:assert/strict'
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'

import fc from 'fast-check'

import { checkStore } from '../../src/blob/check.ts'
import type { StoreDamage } from '../../src/blob/check-damage.ts'
import type { CheckedIndex, CheckedPacks } from '../../src/blob/check-source.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { indexOf, packPath, packsIn, perkeepRecord } from './perkeep-packs.ts'

const contents = Array.from({ length: 12 }, (_, i) => `content ${i} ${'.'.repeat(i * 900)}`)
const refs = contents.map(text => refOf(Buffer.from(text)))
const records = contents.map(text => perkeepRecord(text))
/** Two packs: the first six blobs, and the other six. */
const images = [Buffer.concat(records.slice(0, 6)), Buffer.concat(records.slice(6))]

let directory = ''
let packs: CheckedPacks

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'peerkeep-damage-'))
  packs = packsIn(directory, images.length)
  for (const [pack, image] of images.entries()) await writeFile(packPath(directory, pack), image)
})
afterEach(() => rm(directory, { recursive: true }))

async function check(index: CheckedIndex, readData = true): Promise<StoreDamage[]> {
  const directories = [{ side: 'data', packs }]
  return Array.fromAsync(checkStore({ directories, index, readData }))
}

const named = (damage: readonly StoreDamage[]): BlobRef[] =>
  damage.flatMap(({ ref }) => ref ?? []).toSorted()

async function overwrite(pack: number, position: number, bytes: Uint8Array): Promise<void> {
  const file = await open(packPath(directory, pack), 'r+')
  await file.write(bytes, 0, bytes.length, position)
  await file.close()
}

describe('damage on the disk', () => {
  test('a store without damage has none, with and without reading its data', async () => {
    const index = await indexOf(packs, 'skip')
    assert.equal(index.rows.size, contents.length)
    assert.deepEqual(await check(index, true), [])
    assert.deepEqual(await check(index, false), [])
  })

  test('every bit of a header in the middle flipped in turn: one blob at most, and named', async () => {
    const victim = 8
    const start = records.slice(6, victim).reduce((sum, { length }) => sum + length, 0)
    const header = (records[victim] ?? Buffer.alloc(0)).subarray(0, 72)
    const headerLength = header.indexOf(']') + 1
    const before = await indexOf(packs, 'verify')
    for (let bit = 0; bit < headerLength * 8; bit++) {
      const changed = Buffer.from(header.subarray(0, headerLength))
      changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      await overwrite(1, start, changed)
      const damage = await check(before)
      assert.deepEqual(named(damage), [refs[victim]], `bit ${bit}`)
      // With the index lost: every blob is found again, the damaged record by its content.
      const after = await indexOf(packs, 'verify')
      assert.deepEqual([...after.rows.keys()].sort(), refs.toSorted(), `bit ${bit}`)
      assert.deepEqual(named(await check(after)), [refs[victim]], `bit ${bit}`)
      // Where payloads were not read: the others are there, and the damaged one is named.
      const skipped = await indexOf(packs, 'skip')
      for (const ref of refs) assert.ok(ref === refs[victim] || skipped.rows.has(ref), `bit ${bit}`)
      assert.ok(named(await check(skipped)).includes(refs[victim] ?? ('' as BlobRef)), `bit ${bit}`)
    }
  })

  test('a pack that is gone: the index names every blob that was in it', async () => {
    const index = await indexOf(packs, 'skip')
    await rm(packPath(directory, 0))
    for (const readData of [true, false]) {
      const damage = await check(index, readData)
      assert.deepEqual(named(damage), refs.slice(0, 6).toSorted())
      assert.ok(damage.some(({ kind, ref }) => kind === 'missing-pack' && ref === undefined))
    }
  })

  test('a pack cut anywhere: every blob that is no longer whole is named, and no other', async () => {
    const index = await indexOf(packs, 'skip')
    const length = images[0]?.length ?? 0
    const property = fc.asyncProperty(
      fc.nat({ max: length - 1 }),
      fc.boolean(),
      async (at, readData) => {
        await writeFile(packPath(directory, 0), images[0] ?? '')
        await truncate(packPath(directory, 0), at)
        let end = 0
        const lost = refs.slice(0, 6).filter((_, i) => (end += records[i]?.length ?? 0) > at)
        const damage = await check(index, readData)
        assert.deepEqual(named(damage), lost.toSorted())
        assert.ok(damage.some(({ kind }) => kind === 'truncated-pack'))
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })

  test('20 bytes changed anywhere: every blob that suffered is named, and no other', async () => {
    const index = await indexOf(packs, 'skip')
    const image = images[1] ?? Buffer.alloc(0)
    const place = fc.tuple(fc.nat({ max: image.length - 1 }), fc.integer({ min: 1, max: 255 }))
    const places = fc.uniqueArray(place, { minLength: 20, maxLength: 20, selector: ([at]) => at })
    const property = fc.asyncProperty(places, async changes => {
      const changed = Buffer.from(image)
      for (const [at, mask] of changes) changed[at] = (changed[at] ?? 0) ^ mask
      await writeFile(packPath(directory, 1), changed)
      let end = 0
      const hurt = refs.slice(6).filter((_, i) => {
        const start = end
        end += records[6 + i]?.length ?? 0
        return changes.some(([at]) => at >= start && at < end)
      })
      assert.deepEqual(named(await check(index)), hurt.toSorted())
    })
    await fc.assert(property, { numRuns: 60 })
  })

  test('a record that the index does not know, and a row that leads nowhere', async () => {
    const index = await indexOf(packs, 'skip')
    index.rows.delete(refs[3] ?? ('' as BlobRef))
    const row = index.rows.get(refs[4] ?? ('' as BlobRef))
    assert.ok(row !== undefined)
    index.rows.set(refs[4] ?? ('' as BlobRef), { ...row, offset: row.offset + 1 })
    const damage = await check(index, false)
    assert.deepEqual(
      damage.map(({ kind, ref }) => [kind, ref]),
      [
        ['row-without-record', refs[4]],
        ['record-without-row', refs[3]],
      ],
    )
  })

  test('progress ends at the whole', async () => {
    const index = await indexOf(packs, 'skip')
    let last = { bytes: 0, bytesTotal: 0, blobs: 0 }
    const onProgress = ({ bytes, bytesTotal, blobs }: typeof last): void => {
      assert.ok(bytes >= last.bytes)
      last = { bytes, bytesTotal, blobs }
    }
    const directories = [{ side: 'data', packs }]
    await Array.fromAsync(checkStore({ directories, index, readData: true, onProgress }))
    const total = images.reduce((sum, { length }) => sum + length, 0)
    assert.deepEqual(last, { bytes: total, bytesTotal: total, blobs: contents.length })
  })
})
