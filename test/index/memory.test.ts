import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { systemClock } from '../../src/base/clock.ts'
import { openLevelKeyValue } from '../../src/base/level-key-value.ts'
import { silentLog } from '../../src/base/log.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openPackStore } from '../../src/blob/pack-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { openMemoryDocuments } from '../../src/index/memory-documents.ts'
import { openIndex } from '../../src/index/open-index.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'

/** More than a pack's remembered records: whatever has a bound has reached it. */
const FIRST = 55_000
const MORE = 30_000

/** Kept in memory by each blob more, at most: a single row would be ten times as much. */
const BYTES_PER_BLOB_MAX = 15

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is still needed once all that was set going has ended: timers and closed handles let go of things in later turns. */
async function heapUsed(): Promise<number> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise(resolve => setImmediate(resolve))
    collect()
  }
  return process.memoryUsage().heapUsed
}

function makeFile(at: number): Uint8Array {
  const part = { blobRef: refOf(Buffer.from(`missing ${at}`)), size: 9 }
  const name = Buffer.from(`IMG_${at}.JPG`)
  return writeSchema({ type: 'file', name, permission: 0o644, mtime: BigInt(at), parts: [part] })
}

test('store and index need no more memory for more blobs', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'memory-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const blobRows = await openLevelKeyValue(join(directory, 'blobs-index'))
  const store = await openPackStore({
    directory: join(directory, 'blobs'),
    files: nodeFiles,
    rows: blobRows,
    classify: classifyBlob,
    random: systemRandom,
    log: silentLog,
  })
  const rows = await openLevelKeyValue(join(directory, 'index'))
  const signer = bulkSigner(Buffer.alloc(32, 1))
  const index = await openIndex({
    documents: openMemoryDocuments(),
    rows,
    log: store,
    stat: refs => store.stat(refs),
    fetch: ref => store.fetch(ref),
    owner: signer.keyId,
    clock: systemClock,
    messages: silentLog,
  })
  const door = openDoor(store, () => undefined)
  const take = async (from: number, until: number): Promise<void> => {
    for (let at = from; at < until; at += 500) {
      const some = Array.from({ length: Math.min(500, until - at) }, (_, i) => makeFile(at + i))
      await Promise.all(some.map(bytes => door.receive(bytes)))
    }
    await index.catchUp()
  }
  await take(0, FIRST)
  const before = await heapUsed()
  await take(FIRST, FIRST + MORE)
  const grown = ((await heapUsed()) - before) / MORE
  assert.equal((await index.counts()).missing, FIRST + MORE)
  t.diagnostic(`${grown.toFixed(1)} bytes more for each blob`)
  assert.ok(grown < BYTES_PER_BLOB_MAX, `${grown.toFixed(0)} bytes more for each blob`)
  await index.close()
  await rows.close()
  await store.close()
  await blobRows.close()
})
