import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import type { OpenFile } from '../../src/base/files.ts'
import { type CompactedPack, compactPack, isWorthCompacting } from '../../src/blob/compact.ts'
import { scanPack } from '../../src/blob/pack-scan.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { memoryFile } from './memory-file.ts'
import { perkeepDeleted, perkeepRecord } from './perkeep-packs.ts'

interface TestPack extends CompactedPack {
  /** Where the index says that each blob lies in the old pack. */
  readonly rows: Map<BlobRef, number>
  readonly moved: Map<BlobRef, Uint8Array>
  readonly isEmptied: () => boolean
}

async function openTestPack(image: Uint8Array): Promise<TestPack> {
  const rows = new Map<BlobRef, number>()
  const moved = new Map<BlobRef, Uint8Array>()
  let isEmptied = false
  for await (const event of scanPack(memoryFile(image), { payloads: 'verify' })) {
    if (event.kind === 'blob') rows.set(event.ref, event.payloadOffset)
  }
  return {
    rows,
    moved,
    isEmptied: () => isEmptied,
    open: async (): Promise<OpenFile> => memoryFile(image),
    offsets: async refs => refs.map(ref => rows.get(ref)),
    async move(records) {
      for (const { ref, bytes } of records) {
        moved.set(ref, bytes)
        rows.delete(ref)
      }
    },
    async empty() {
      isEmptied = true
    },
  }
}

test('what is live is moved once, whole; what is dead is not; then the pack is empty', async () => {
  const item = fc.tuple(fc.string({ maxLength: 3000 }), fc.boolean())
  const items = fc.uniqueArray(item, { selector: ([text]) => text, maxLength: 12 })
  const property = fc.asyncProperty(items, async list => {
    const image = Buffer.concat(
      list.map(([text, isLive]) =>
        isLive ? perkeepRecord(text) : perkeepDeleted('x'.repeat(text.length)),
      ),
    )
    const pack = await openTestPack(image)
    assert.equal(await compactPack(pack), 'emptied')
    const live = list.filter(([, isLive]) => isLive).map(([text]) => refOf(Buffer.from(text)))
    assert.deepEqual([...pack.moved.keys()].sort(), live.sort())
    for (const [ref, bytes] of pack.moved) assert.equal(refOf(bytes), ref)
    assert.ok(pack.isEmptied())
  })
  await fc.assert(property)
})

test('more than one batch', async () => {
  const texts = Array.from({ length: 5000 }, (_, i) => `blob ${i}`)
  const pack = await openTestPack(Buffer.concat(texts.map(text => perkeepRecord(text))))
  assert.equal(await compactPack(pack), 'emptied')
  assert.equal(pack.moved.size, texts.length)
  for (const [ref, bytes] of pack.moved) assert.equal(refOf(bytes), ref)
})

test('a record that the index does not point to is not moved', async () => {
  const record = perkeepRecord('twice')
  const pack = await openTestPack(Buffer.concat([record, record, perkeepRecord('elsewhere')]))
  pack.rows.delete(refOf(Buffer.from('elsewhere')))
  assert.equal(await compactPack(pack), 'emptied')
  assert.deepEqual([...pack.moved.keys()], [refOf(Buffer.from('twice'))])
})

test('a pack with damage is never emptied', async () => {
  const records = ['first', 'second', 'third'].map(text => perkeepRecord(text))
  for (const at of [3, 70, records[0]?.length ?? 0, (records[0]?.length ?? 0) + 70]) {
    const image = Buffer.concat(records)
    const pack = await openTestPack(image)
    image[at] = (image[at] ?? 0) ^ 1
    assert.equal(await compactPack(pack), 'damaged')
    assert.ok(!pack.isEmptied())
  }
})

test('a pack is not emptied while a row still points to it', async () => {
  const pack = await openTestPack(perkeepRecord('in use'))
  const kept = { ...pack, move: async (): Promise<void> => undefined }
  assert.equal(await compactPack(kept), 'busy')
  assert.ok(!pack.isEmptied())
})

test('a missing pack, and which packs are worth it', async () => {
  const pack = await openTestPack(perkeepRecord('a'))
  assert.equal(await compactPack({ ...pack, open: async () => undefined }), 'missing')
  const MiB = 1024 * 1024
  assert.equal(isWorthCompacting({ length: 0, dead: 0 }), false)
  assert.equal(isWorthCompacting({ length: 100, dead: 100 }), true)
  assert.equal(isWorthCompacting({ length: 100, dead: 90 }), false)
  assert.equal(isWorthCompacting({ length: 512 * MiB, dead: 100 * MiB }), false)
  assert.equal(isWorthCompacting({ length: 512 * MiB, dead: 200 * MiB }), true)
})
