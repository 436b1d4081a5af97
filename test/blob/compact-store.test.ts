import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { FileLayer } from '../../src/base/files.ts'
import { silentLog } from '../../src/base/log.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { systemRandom } from '../../src/base/random.ts'
import { checkStore } from '../../src/blob/check.ts'
import { compactPacks } from '../../src/blob/compact-store.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { refOf } from '../../src/blob/ref.ts'
import { openSimFiles } from '../sim/sim-files.ts'
import { perkeepRecord } from './perkeep-packs.ts'

const blobs = Array.from({ length: 30 }, (_, n) => new Uint8Array(300_000).fill(n))

async function writePack(
  files: FileLayer,
  pack: number,
  records: readonly Buffer[],
): Promise<void> {
  const file = await files.open(`/blobs/data/pack-0000${pack}.blobs`, 'create')
  await file.write(records, 0)
  await file.sync()
  await file.close()
}

test('a pack that is mostly dead gives its space back, and every blob stays', async () => {
  const files = openSimFiles()
  const open = (): Promise<PackStore> =>
    openPackStore({
      directory: '/blobs',
      files,
      rows: openMemoryKeyValue(),
      classify: () => 'data',
      random: systemRandom,
      log: silentLog,
    })
  await files.makeDirectory('/blobs/data')
  const records = blobs.map(bytes => perkeepRecord(bytes))
  await writePack(files, 0, records.slice(0, 28))
  await writePack(files, 1, records.slice(28))
  await files.syncDirectory('/blobs/data')
  const store = await open()
  const refs = blobs.map(refOf)
  const kept = refs.filter((_, n) => n % 3 === 0 || n >= 28)
  await store.remove(refs.filter(ref => !kept.includes(ref)))
  assert.equal(await compactPacks(store, files), 1)
  assert.equal(await files.fileSize('/blobs/data/pack-00000.blobs'), 0)
  const { directories, index } = store
  assert.deepEqual(await Array.fromAsync(checkStore({ directories, index, readData: true })), [])
  await store.close()

  const again = await open()
  const listed = await Array.fromAsync(again.enumerate())
  assert.deepEqual(
    listed.map(({ ref }) => ref),
    kept.toSorted(),
  )
  for (const ref of kept) assert.equal(refOf((await again.fetch(ref)) ?? Buffer.of(1)), ref)
  await again.close()
})
