import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { FileLayer } from '../../src/base/files.ts'
import { isPeerkeepError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import { checkStore } from '../../src/blob/check.ts'
import { compactPacks } from '../../src/blob/compact-store.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { openLogKeyValue } from '../sim/log-key-value.ts'
import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { type SimRandom, openSimRandom } from '../sim/sim-random.ts'

/** Two fill a pack. */
const blobs = Array.from({ length: 8 }, (_, n) => Buffer.from(`blob ${n} `.repeat(20)))
const dead = [0, 3, 4].map(n => refOf(blobs[n] ?? Buffer.of()))
const live = blobs.map(refOf).filter(ref => !dead.includes(ref))

async function openStore(files: FileLayer): Promise<PackStore> {
  return openPackStore({
    directory: '/blobs',
    files,
    rows: await openLogKeyValue(files, '/index'),
    classify: () => 'data',
    random: openSimRandom(1),
    log: silentLog,
    packSizeMax: 300,
  })
}

async function loseIndex(files: FileLayer): Promise<void> {
  await files.remove('/index/batches.log')
  await files.syncDirectory('/index')
}

async function listed(store: PackStore): Promise<string[]> {
  const found = await Array.fromAsync(store.enumerate())
  return found.map(({ ref }) => ref)
}

async function assertSound(store: PackStore): Promise<void> {
  const { directories, index } = store
  const told = await Array.fromAsync(checkStore({ directories, index, readData: true }))
  assert.deepEqual(told, [])
}

/** A store of four packs, three of them with something dead in them. */
async function fill(disk: SimFiles): Promise<PackStore> {
  const store = await openStore(disk)
  const door = openDoor(store, () => undefined)
  for (const bytes of blobs) await door.receive(bytes)
  await store.remove(dead)
  return store
}

async function compactAll(store: PackStore, disk: SimFiles): Promise<number> {
  return compactPacks(store, disk, ({ length, dead: gone }) => length > 0 && gone > 0)
}

/** Copies that a cut compaction left are taken for the blobs when the index is lost; nobody counts the old ones. */
async function cutAndLoseIndex(disk: SimFiles, random: SimRandom): Promise<SimFiles> {
  const store = await fill(disk)
  disk.cutAfter(12)
  await compactAll(store, disk).catch(() => undefined)
  const after = disk.powerCut(random)
  await loseIndex(after)
  return after
}

/** Whether a compaction that is cut at its `operation`th operation came to its end. */
async function cutAt(operation: number, seed: number): Promise<boolean> {
  const random = openSimRandom(seed)
  let disk = openSimFiles({ random })
  const isSecond = seed % 2 === 1
  if (isSecond) disk = await cutAndLoseIndex(disk, random)
  const store = isSecond ? await openStore(disk) : await fill(disk)
  disk.cutAfter(operation)
  try {
    await compactAll(store, disk)
  } catch (error) {
    if (!isPeerkeepError(error)) throw error
  }
  const isOver = !disk.isOff
  const after = disk.powerCut(random)
  const again = await openStore(after)
  assert.deepEqual(await listed(again), live.toSorted())
  await assertSound(again)
  await again.remove(live)
  const cut = after.powerCut(random)
  await loseIndex(cut)
  const last = await openStore(cut)
  assert.deepEqual(await listed(last), [])
  await assertSound(last)
  return isOver
}

test('a compaction cut at any operation loses nothing, and what is removed then never comes back', async () => {
  for (let seed = 0; seed < 5; seed++) {
    let operation = 1
    while (!(await cutAt(operation, seed))) operation += 1
    assert.ok(operation > 20)
  }
})

test('a compaction that was cut is finished by the next one', async () => {
  for (let operation = 1; operation < 30; operation++) {
    const random = openSimRandom(operation)
    const disk = openSimFiles({ random })
    const store = await fill(disk)
    disk.cutAfter(operation)
    await compactAll(store, disk).catch(() => undefined)
    const after = disk.powerCut(random)
    const again = await openStore(after)
    await compactAll(again, after)
    for (const pack of [0, 1, 2]) {
      assert.equal(await after.fileSize(`/blobs/data/pack-0000${pack}.blobs`), 0)
    }
    assert.deepEqual(await listed(again), live.toSorted())
    await assertSound(again)
  }
})
