import assert from 'node:assert/strict'
import {
  appendFileSync,
  type BigIntStats,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { signatureOf, type SnapshotMode } from '../../src/files/node-fields.ts'
import { type SnapshotResult, snapshotTree } from '../../src/files/snapshot.ts'
import type { CachedFile, StatCache } from '../../src/files/stat-cache.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { openSimClock } from '../sim/sim-clock.ts'
import { watchDisk } from './watched-disk.ts'

test('an unchanged tree costs its stats only', async () => {
  using disk = openDisk()
  mkdirSync(disk.at('folder/empty'), { recursive: true })
  for (const name of ['a', 'folder/b', 'folder/c'])
    writeFileSync(disk.at(name), `content of ${name}`)
  writeFileSync(disk.at('large'), Buffer.alloc(3_000_000, 'large '))
  linkSync(disk.at('a'), disk.at('folder/second name of a'))
  const first = await disk.snapshot()
  assert.deepEqual(disk.opened(), ['a', 'folder/b', 'folder/c', 'folder/second name of a', 'large'])
  const second = await disk.snapshot()
  assert.deepEqual(disk.opened(), [])
  assert.deepEqual(disk.listed(), ['', 'folder', 'folder/empty'])
  assert.deepEqual(
    { ...second, unchanged: 0 },
    { ...first, unchanged: 0, bytesRead: 0, newBytes: 0 },
  )
  assert.equal(second.unchanged, first.files)
})

for (const [ageMs, isReadAgain] of [
  [0, true],
  [1999, true],
  [2002, false],
  [-60_000, true],
] as const) {
  test(`a file that was ${ageMs} ms old when it was read is ${isReadAgain ? '' : 'not '}read again`, async () => {
    using disk = openDisk()
    writeFileSync(disk.at('file'), 'content')
    disk.clock.setWall(changedAt(disk.at('file')) + ageMs)
    await disk.snapshot()
    disk.clock.setWall(changedAt(disk.at('file')) + 3_600_000)
    await disk.snapshot()
    assert.deepEqual(disk.opened(), isReadAgain ? ['file'] : [])
    await disk.snapshot()
    assert.deepEqual(disk.opened(), [])
  })
}

test('a file is as young as its inode, whatever its mtime says', async () => {
  using disk = openDisk()
  writeFileSync(disk.at('file'), 'content')
  utimesSync(disk.at('file'), 1, 1)
  disk.clock.setWall(changedAt(disk.at('file')) + 1000)
  await disk.snapshot()
  await disk.snapshot()
  assert.deepEqual(disk.opened(), ['file'])
})

for (const [how, change] of [
  ['grew', disk => appendFileSync(disk.at('file'), 'more')],
  ['was touched', disk => utimesSync(disk.at('file'), 2, 2)],
  ['kept its size and time with other content', disk => rewrite(disk.at('file'), 'CONTENT')],
  [
    'is another file of the same size and time',
    disk => {
      rewrite(disk.at('other'), 'another')
      renameSync(disk.at('other'), disk.at('file'))
    },
  ],
] as const satisfies readonly (readonly [string, (disk: Disk) => void])[]) {
  test(`a file that ${how} is read again, and only that`, async () => {
    using disk = openDisk()
    for (const name of ['file', 'neighbour']) rewrite(disk.at(name), 'content')
    const before = await disk.snapshot()
    change(disk)
    const after = await disk.snapshot()
    assert.deepEqual(disk.opened(), ['file'])
    assert.notEqual(after.root, before.root)
    assert.equal(after.root, await rootWithoutCache(disk))
  })
}

test('two files of one size and time that change places are told apart', async () => {
  using disk = openDisk()
  for (const name of ['a', 'b']) rewrite(disk.at(name), `this is ${name}`)
  const before = await disk.snapshot()
  renameSync(disk.at('a'), disk.at('c'))
  renameSync(disk.at('b'), disk.at('a'))
  renameSync(disk.at('c'), disk.at('b'))
  const after = await disk.snapshot()
  assert.notEqual(after.root, before.root)
  assert.equal(after.root, await rootWithoutCache(disk))
})

test('everything that lstat tells is part of what has to be the same', () => {
  using disk = openDisk()
  writeFileSync(disk.at('file'), 'content')
  const stat = lstatSync(disk.at('file'), { bigint: true })
  const signature = signatureOf(stat, 'backup')
  assert.equal(signatureOf(lstatSync(disk.at('file'), { bigint: true }), 'backup'), signature)
  for (const field of ['size', 'mtimeNs', 'ctimeNs', 'ino', 'dev', 'mode', 'uid', 'gid'] as const) {
    const changed = { ...stat, [field]: stat[field] + 1n } as BigIntStats
    assert.notEqual(signatureOf(changed, 'backup'), signature, field)
  }
})

test('what one mode stored is not taken for what another would store', async () => {
  using disk = openDisk()
  writeFileSync(disk.at('file'), 'content')
  await disk.snapshot('put')
  const backup = await disk.snapshot('backup')
  assert.deepEqual(disk.opened(), ['file'])
  assert.equal(backup.root, await rootWithoutCache(disk))
})

test('a file of which any blob is lost is read again, and whole afterwards', async () => {
  using disk = openDisk()
  const content = Buffer.from(Array.from({ length: 1_500_000 }, (_, at) => (at * at * 31) >> 7))
  writeFileSync(disk.at('file'), content)
  const { root } = await disk.snapshot()
  const refs = await Array.fromAsync(disk.store.enumerate(), ({ ref }) => ref)
  assert.ok(refs.length > 6)
  for (const ref of refs) {
    await disk.store.remove([ref])
    const again = await disk.snapshot()
    assert.equal(again.root, root)
    assert.deepEqual(again.problems, [])
    assert.deepEqual(await Array.fromAsync(disk.store.enumerate(), one => one.ref), refs)
  }
})

interface Disk extends ReturnType<typeof openDisk> {}

/** A folder, and the store and cache that its snapshots share. Its clock is long after every change. */
function openDisk() {
  const work = mkdtempSync(join(tmpdir(), 'stat-cache-'))
  const source = join(work, 'source')
  mkdirSync(source)
  const clock = openSimClock(changedAt(source) + 3_600_000)
  const store = openMemoryStore({ classify: classifyBlob })
  const door = openDoor(store, () => undefined)
  const statCache = openMapCache()
  let [opened, listed]: [readonly string[], readonly string[]] = [[], []]

  async function snapshot(mode: SnapshotMode = 'backup'): Promise<SnapshotResult> {
    using watched = watchDisk(work)
    const stat = store.stat.bind(store)
    const result = await snapshotTree({ source, door, clock, mode, statCache, stat })
    const below = (paths: readonly string[]): string[] =>
      paths.map(path => path.slice('source/'.length)).toSorted()
    opened = below(watched.opened)
    listed = below(watched.listed)
    return result
  }

  return {
    source,
    store,
    clock,
    snapshot,
    at: (name: string): string => join(source, name),
    /** What the last snapshot opened or listed. */
    opened: () => opened,
    listed: () => listed,
    [Symbol.dispose]: () => rmSync(work, { recursive: true }),
  }
}

function openMapCache(): StatCache {
  const files = new Map<string, CachedFile>()
  return {
    getMany: async paths => paths.map(path => files.get(path)),
    put: (path, file) => void files.set(path, file),
  }
}

async function rootWithoutCache({ source, clock, store }: Disk): Promise<string> {
  const door = openDoor(store, () => undefined)
  return (await snapshotTree({ source, door, clock, mode: 'backup' })).root
}

/** Milliseconds of the last change of an inode, rounded up. */
function changedAt(path: string): number {
  return Math.ceil(lstatSync(path).ctimeMs)
}

function rewrite(path: string, content: string): void {
  writeFileSync(path, content)
  utimesSync(path, 1, 1)
}
