import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { blobStoreSuite } from '../contract/blob-store.ts'
import { schemaLogSuite, suiteClassify } from '../contract/schema-log.ts'

const open = async (): Promise<ReturnType<typeof openMemoryStore>> =>
  openMemoryStore({ classify: suiteClassify })

blobStoreSuite('memory', open)
schemaLogSuite('memory', open)

test('bytes that were changed behind its back are not handed out, and can come again', async () => {
  await using store = await open()
  const door = openDoor(store, () => undefined)
  const bytes = new Uint8Array(Buffer.from('{schema}'))
  const ref = refOf(bytes)
  await door.receive(bytes)
  const handedOut = await store.fetch(ref)
  assert.ok(handedOut)
  handedOut[1] = 0
  assert.deepEqual(await Array.fromAsync(store.readLog()), [])
  await assert.rejects(store.fetch(ref), error => isPeerkeepError(error, 'BLOB_DAMAGED'))
  assert.equal(await store.fetch(ref), undefined)
  const again = await door.receive(new Uint8Array(Buffer.from('{schema}')), ref)
  assert.equal(again.isNew, true)
})
