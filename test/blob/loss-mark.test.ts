import assert from 'node:assert/strict'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { openLogKeyValue } from '../sim/log-key-value.ts'
import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'

async function openStore(files: SimFiles, seed = 1): Promise<PackStore> {
  return openPackStore({
    directory: '/blobs',
    files,
    rows: await openLogKeyValue(files, '/index'),
    classify: () => 'data',
    random: openSimRandom(seed),
    log: silentLog,
  })
}

async function rot(files: SimFiles, text: string): Promise<void> {
  const pack = await files.open('/blobs/data/pack-00000.blobs', 'update')
  const bytes = Buffer.alloc((await pack?.size()) ?? 0)
  await pack?.read(bytes, 0)
  await pack?.write([Buffer.from('?')], bytes.indexOf(text))
  await pack?.close()
}

test('the loss mark stays while blobs come, over restarts too, and changes with each way of losing one', async () => {
  const files = openSimFiles()
  const store = await openStore(files)
  const mark = store.lossMark()
  const put = async (text: string): ReturnType<ReturnType<typeof openDoor>['receive']> =>
    openDoor(store, () => undefined).receive(Buffer.from(text))
  const first = await put('first')
  const second = await put('second')
  assert.equal(store.lossMark(), mark)
  await store.remove([first.ref])
  const removed = store.lossMark()
  assert.notEqual(removed, mark)
  await rot(files, 'second')
  await assert.rejects(store.fetch(second.ref), { code: 'BLOB_DAMAGED' })
  const damaged = store.lossMark()
  assert.notEqual(damaged, removed)
  await store.close()
  const again = await openStore(files, 2)
  assert.equal(again.lossMark(), damaged)
  await again.close()
  await files.remove('/index/batches.log')
  const rebuilt = await openStore(files, 3)
  assert.ok(![mark, removed, damaged].includes(rebuilt.lossMark()))
})
