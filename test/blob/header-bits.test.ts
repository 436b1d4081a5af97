import assert from 'node:assert/strict'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { checkStore } from '../../src/blob/check.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { openLogKeyValue } from '../sim/log-key-value.ts'
import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'

const contents = Array.from({ length: 5 }, (_, n) => Buffer.from(`blob ${n} `.repeat(9 + n)))
const refs = contents.map(refOf)
const middle = refs[2] as BlobRef
const pack = '/blobs/data/pack-00000.blobs'

async function openStore(files: SimFiles): Promise<PackStore> {
  return openPackStore({
    directory: '/blobs',
    files,
    rows: await openLogKeyValue(files, '/index'),
    classify: () => 'data',
    random: openSimRandom(1),
    log: silentLog,
  })
}

async function filled(): Promise<SimFiles> {
  const files = openSimFiles()
  const store = await openStore(files)
  const door = openDoor(store, () => undefined)
  for (const bytes of contents) await door.receive(bytes)
  await store.close()
  return files
}

async function flip(files: SimFiles, bit: number): Promise<void> {
  const file = await files.open(pack, 'update')
  assert.ok(file)
  const byte = Buffer.alloc(1)
  await file.read(byte, bit >>> 3)
  byte[0] = (byte[0] ?? 0) ^ (1 << (bit & 7))
  await file.write([byte], bit >>> 3)
  await file.sync()
  await file.close()
}

/** Bits of the header of the record in the middle, counted from the start of the pack. */
async function headerBits(): Promise<number[]> {
  const bytes = (await (await filled()).readFile(pack)) ?? Buffer.of()
  const begin = Buffer.from(bytes).indexOf(`[${middle}`)
  const end = Buffer.from(bytes).indexOf(']', begin) + 1
  return Array.from({ length: (end - begin) * 8 }, (_, at) => begin * 8 + at)
}

async function assertAtMostTheMiddleIsLost(files: SimFiles, bit: number): Promise<void> {
  const store = await openStore(files)
  const lost: BlobRef[] = []
  for (const [at, ref] of refs.entries()) {
    const bytes = await store.fetch(ref)
    if (bytes === undefined) lost.push(ref)
    else assert.deepEqual(Buffer.from(bytes), contents[at], `bit ${bit}`)
  }
  assert.ok(
    lost.length === 0 || (lost.length === 1 && lost[0] === middle),
    `bit ${bit}: ${lost.join()}`,
  )
  const { directories, index } = store
  const told = await Array.fromAsync(checkStore({ directories, index, readData: true }))
  assert.ok(told.length > 0, `bit ${bit} is told`)
  for (const { ref } of told) assert.ok(ref === undefined || ref === middle, `bit ${bit}: ${ref}`)
  await store.close()
}

test('any flipped bit of a header in the active pack costs at most that blob, and is told', async () => {
  for (const bit of await headerBits()) {
    const files = await filled()
    await flip(files, bit)
    await assertAtMostTheMiddleIsLost(files, bit)
  }
})

test('the same when the index is lost as well', async () => {
  for (const bit of await headerBits()) {
    const files = await filled()
    await flip(files, bit)
    await files.remove('/index/batches.log')
    await assertAtMostTheMiddleIsLost(files, bit)
  }
})
