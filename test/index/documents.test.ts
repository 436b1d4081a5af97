import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { DocumentTables } from '../../src/index/document-tables.ts'
import { openMemoryDocuments } from '../../src/index/memory-documents.ts'
import { openThreadDocuments } from '../../src/index/thread-documents.ts'
import { readQuery } from '../../src/index/search-read.ts'
import { openSearch } from '../../src/index/search.ts'
import { makeFacts } from '../../src/schema/claims.ts'
import type { FileFacts } from '../../src/schema/schema-blob.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { type World, at, attribute, openWorld, owner, planned } from './index-world.ts'

/** What an expression finds, and how it was looked for. */
async function search(
  world: World,
  expression: string,
): Promise<{ readonly refs: readonly BlobRef[]; readonly source: string }> {
  const { index, store, clock } = world
  const { run } = openSearch({
    index: () => index,
    fetch: async ref => store.fetch(ref),
    stat: async refs => store.stat(refs),
    enumerate: () => store.enumerate(),
    clock,
  })
  const { refs, explanation } = await run(readQuery({ expression }))
  return { refs, source: explanation.source }
}

const lake = planned('lake', owner)
const city = planned('city', owner)
const said = (permanode: Uint8Array, name: string, value: string, second = 1): Uint8Array =>
  attribute(refOf(permanode), [name, value], { signer: owner, date: at(second) })

const places = [
  owner.keyBlob,
  lake,
  city,
  said(lake, 'title', 'Sunrise over the lake'),
  said(lake, 'tag', 'holiday', 2),
  said(city, 'title', 'The city at night'),
]

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'documents-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

test('tables that were lost, belong to other rows, or are no tables, are made anew', async t => {
  const path = join(temporary(t), 'search.sqlite')
  const rows = openMemoryKeyValue()
  const ways: readonly ((old: DocumentTables) => Promise<void>)[] = [
    async () => undefined,
    async old => old.reset('another maker'),
    async old => {
      const version = await old.version()
      // As after a power cut that took the last batches.
      await old.reset(version?.maker ?? '')
    },
  ]
  for (const lose of ways) {
    const old = openThreadDocuments(path, nodeFiles.remove)
    const before = await openWorld({ rows, documents: old })
    await before.add(...places)
    await before.index.close()
    await lose(old)
    await old.close()
    const documents = openThreadDocuments(path, nodeFiles.remove)
    const world = await openWorld({ rows, documents, store: before.store })
    await world.index.catchUp()
    const found = await search(world, 'tag:holiday')
    assert.deepEqual(found, { refs: [refOf(lake)], source: '1 with tag "holiday"' })
    await world.index.close()
    await documents.close()
  }
  writeFileSync(path, Buffer.alloc(100_000, 'no database'))
  rmSync(`${path}-wal`, { force: true })
  const documents = openThreadDocuments(path, nodeFiles.remove)
  const world = await openWorld({ rows, documents })
  await world.add(...places)
  assert.deepEqual((await search(world, 'title:lake')).refs, [refOf(lake)])
  await world.index.close()
  await documents.close()
})

test('a search goes on without tables that fail, and with them once they work again', async () => {
  const working = openMemoryDocuments()
  let isBroken = false
  const documents: DocumentTables = {
    ...working,
    async apply(changes, count) {
      if (isBroken) throw new Error('the disk is full')
      await working.apply(changes, count)
    },
  }
  const world = await openWorld({ documents })
  await world.add(...places)
  isBroken = true
  await world.add(said(city, 'tag', 'holiday', 3))
  const found = await search(world, 'tag:holiday')
  assert.match(found.source, /ever said/)
  assert.deepEqual(new Set(found.refs), new Set([refOf(lake), refOf(city)]))
  isBroken = false
  await world.index.catchUp()
  assert.equal((await search(world, 'tag:holiday')).source, '2 with tag "holiday"')
})

const file = writeSchema({
  type: 'file',
  name: Buffer.from('IMG_7.JPG'),
  mtime: at(-100),
  parts: [],
})
const fact = { file: refOf(file), wholeRef: refOf(Buffer.from('')), size: 0 }
const factsOf = (facts: Partial<FileFacts>, second: number): Uint8Array =>
  Buffer.concat(makeFacts([{ ...fact, ...facts }], owner, at(second)))

test('what a permanode is about is found by, in whatever order it comes', async () => {
  const photo = [
    planned('photo', owner),
    said(planned('photo', owner), 'camliContent', refOf(file)),
    file,
    factsOf({ mediaType: 'image/jpeg', rating: 5, keywords: ['Grüße'], text: 'nothing else' }, 4),
  ]
  const [permanode = lake] = photo
  const orders = [photo, photo.toReversed(), [photo[3], photo[0], photo[2], photo[1]]]
  for (const order of orders) {
    const world = await openWorld()
    await world.add(owner.keyBlob)
    for (const blob of order) if (blob) await world.add(blob)
    for (const expression of [
      'is:image',
      'rating:5',
      'text:grusse',
      'text:"ELSE, nothing!"',
      'filename:*IMG_*',
    ])
      assert.deepEqual((await search(world, expression)).refs, [refOf(permanode)], expression)
    for (const expression of ['-is:image', 'rating:-4', 'text:"nothing here"', 'type:video'])
      assert.deepEqual((await search(world, expression)).refs, [], expression)
    await world.add(factsOf({ mediaType: 'video/mp4', rating: 1 }, 5))
    assert.deepEqual((await search(world, 'type:video rating:1')).refs, [refOf(permanode)])
    assert.deepEqual((await search(world, 'is:image')).refs, [])
  }
})
