import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { silentLog } from '../../src/base/log.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'

const DIRECTORY = '/store'

function open(files: SimFiles): Promise<PackStore> {
  const rows = openMemoryKeyValue()
  const options = { files, directory: DIRECTORY, rows, log: silentLog, packSizeMax: 2000 }
  return openPackStore({ ...options, classify: () => 'data', random: openSimRandom(1) })
}

const content = (at: number): Buffer => Buffer.from(`blob ${at} ${'x'.repeat(300)}`)

async function fill(store: PackStore, count: number): Promise<BlobRef[]> {
  const door = openDoor(store, () => undefined)
  const refs: BlobRef[] = []
  for (let at = 0; at < count; at += 1) refs.push((await door.receive(content(at))).ref)
  return refs
}

async function listed(store: PackStore): Promise<BlobRef[]> {
  return (await Array.fromAsync(store.enumerate())).map(({ ref }) => ref)
}

test('full packs have a table when the store closes, and a lost index is rebuilt from it', async () => {
  const files = openSimFiles()
  const store = await open(files)
  const refs = await fill(store, 40)
  await store.close()
  const names = (await files.list(`${DIRECTORY}/data`)) ?? []
  const packs = names.filter(name => name.endsWith('.blobs'))
  assert.ok(packs.length > 3)
  assert.deepEqual(
    names.filter(name => name.endsWith('.idx')),
    packs.slice(0, -1).map(name => name.replace('.blobs', '.idx')),
  )
  const again = await open(files)
  assert.deepEqual(await listed(again), refs.toSorted())
  for (const [at, ref] of refs.entries())
    assert.deepEqual(Buffer.from((await again.fetch(ref)) ?? []), content(at))
  await again.close()
})

test('the table is what a full pack is rebuilt from: its headers are not walked', async () => {
  const files = openSimFiles()
  const store = await open(files)
  const refs = await fill(store, 40)
  await store.close()
  const path = `${DIRECTORY}/data/pack-00000.blobs`
  const pack = await files.open(path, 'update')
  // A header that no walk could read: with the table, only reading the blob could notice.
  await pack?.write([Buffer.from('?')], 0)
  await pack?.sync()
  await pack?.close()
  const again = await open(files)
  assert.deepEqual(await listed(again), refs.toSorted())
  await again.close()
})

test('what was removed does not come back through a table, wherever the power is cut', async () => {
  for (let cut = 1; cut < 120; cut += 1) {
    const files = openSimFiles({ random: openSimRandom(cut) })
    const store = await open(files)
    const [first, second, ...others] = await fill(store, 24)
    assert.ok(first && second)
    await store.close()
    const removing = await open(files)
    files.cutAfter(files.count + cut)
    let isRemoved = false
    await removing
      .remove([first, second])
      .then(() => (isRemoved = true))
      .catch(() => undefined)
    await removing.close().catch(() => undefined)
    const after = files.powerCut(openSimRandom(cut))
    const again = await open(after)
    const here = new Set(await listed(again))
    for (const ref of others) assert.ok(here.has(ref), `cut ${cut}: ${ref} is lost`)
    if (isRemoved)
      assert.ok(!here.has(first) && !here.has(second), `cut ${cut}: what was removed is back`)
    await again.close()
    if (isRemoved && !files.isOff) break
  }
})

test('no table denies a record whose removal failed half-way', async () => {
  const files = openSimFiles()
  const store = await open(files)
  const [first] = await fill(store, 24)
  assert.ok(first)
  files.failure = (kind, path) =>
    kind === 'write' && path.endsWith('pack-00000.blobs') ? 'IO' : undefined
  await assert.rejects(store.remove([first]), { code: 'IO' })
  await store.close()
  files.failure = undefined
  const withTables = await open(files)
  const isHere = (await withTables.stat([first]))[0] !== undefined
  await withTables.close()
  for (const name of (await files.list(`${DIRECTORY}/data`)) ?? []) {
    if (name.endsWith('.idx')) await files.remove(`${DIRECTORY}/data/${name}`)
  }
  const without = await open(files)
  assert.equal((await without.stat([first]))[0] !== undefined, isHere)
  await without.close()
})
