import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { displayName } from '../../src/files/display-name.ts'
import { openSnapshotDisk, type SnapshotDisk } from './snapshot-disk.ts'
import { failDisk, type Failure, forbidReading } from './watched-disk.ts'

/** Larger than what is read at once, so that something happens between its first and its last byte. */
const LARGE_BYTES = 9 * 1024 * 1024

for (const [what, change, reason] of [
  ['a file that vanishes', disk => unlinkSync(disk.at('b')), /vanished/],
  ['a file that becomes a link', disk => replace(disk, path => symlinkSync('a', path)), /./],
  [
    'a file that becomes a folder',
    disk => replace(disk, path => mkdirSync(path)),
    /no longer a file/,
  ],
  [
    'a file that becomes a fifo',
    disk => replace(disk, path => execFileSync('mkfifo', [path])),
    /no longer a file/,
  ],
] as const satisfies readonly Change[]) {
  test(
    `${what} once it is listed is named, and the rest is kept`,
    { timeout: 20_000 },
    async () => {
      using disk = openSnapshotDisk()
      for (const name of ['a', 'b', 'c']) writeFileSync(disk.at(name), `this is ${name}`)
      const result = await disk.snapshot({ exclude: once('b', () => change(disk)) })
      assert.deepEqual(namesOf(result.problems), ['b'])
      assert.match(result.problems[0]?.reason ?? '', reason)
      assert.deepEqual(await disk.list(result.root), ['a', 'c'])
    },
  )
}

for (const [what, change, reason] of [
  ['vanishes', disk => rmSync(disk.at('folder'), { recursive: true }), /vanished/],
  [
    'becomes a file',
    disk => {
      rmSync(disk.at('folder'), { recursive: true })
      writeFileSync(disk.at('folder'), 'no folder')
    },
    /ENOTDIR/,
  ],
] as const satisfies readonly Change[]) {
  test(`a folder that ${what} once it is listed is named, and the rest is kept`, async () => {
    using disk = openSnapshotDisk()
    mkdirSync(disk.at('folder/below'), { recursive: true })
    mkdirSync(disk.at('next'))
    for (const name of ['a', 'folder/b', 'next/c']) writeFileSync(disk.at(name), `this is ${name}`)
    const result = await disk.snapshot({ exclude: once('folder', () => change(disk)) })
    assert.deepEqual(namesOf(result.problems), ['folder'])
    assert.match(result.problems[0]?.reason ?? '', reason)
    assert.deepEqual(await disk.list(result.root), ['a', 'next', 'next/c'])
  })
}

test('a name that vanishes before it is looked at is named', async () => {
  using disk = openSnapshotDisk()
  for (const name of ['a', 'b']) writeFileSync(disk.at(name), 'content')
  let kept = ''
  const exclude = (path: Uint8Array): boolean => {
    kept = String(path)
    rmSync(disk.at(kept === 'a' ? 'b' : 'a'))
    return false
  }
  const result = await disk.snapshot({ exclude })
  assert.deepEqual(namesOf(result.problems), [kept === 'a' ? 'b' : 'a'])
  assert.deepEqual(await disk.list(result.root), [kept])
})

for (const [what, change] of [
  ['grows', disk => appendFileSync(disk.at('log'), 'one more line')],
  ['is cut short', disk => truncateSync(disk.at('log'), LARGE_BYTES - 3_000_000)],
  ['is emptied', disk => truncateSync(disk.at('log'), 0)],
  ['is written anew', disk => writeFileSync(disk.at('log'), Buffer.alloc(LARGE_BYTES, 'new'))],
] as const satisfies readonly (readonly [string, (disk: SnapshotDisk) => void])[]) {
  test(`a file that ${what} while it is read is named, and what was read is kept`, async () => {
    using disk = openSnapshotDisk()
    writeFileSync(disk.at('log'), Buffer.alloc(LARGE_BYTES, 'old '))
    // What changes within one tick of the disk's clock is no change of the time.
    utimesSync(disk.at('log'), 1, 1)
    writeFileSync(disk.at('zebra'), 'calm')
    const cached: string[] = []
    const statCache = {
      getMany: async (paths: readonly string[]) => paths.map(() => undefined),
      put: (path: string) => void cached.push(path),
    }
    const onFirst = atFirst(() => change(disk))
    const receive: typeof disk.door.receive = offered => {
      const bytes = offered instanceof Uint8Array ? offered : offered.bytes
      if (Buffer.from(bytes.subarray(0, 4)).equals(Buffer.from('old '))) onFirst()
      return disk.door.receive(offered)
    }
    const clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 }
    const result = await disk.snapshot({ door: { receive }, clock, statCache })
    assert.deepEqual(namesOf(result.problems), ['log'])
    assert.match(result.problems[0]?.reason ?? '', /changed while it was read/)
    assert.deepEqual(await disk.list(result.root), ['log', 'zebra'])
    // A file that is cut in the middle of a read may end with zeros of its last page.
    assert.match((await disk.read(result.root, 'log')).toString(), /^(old )+[new\0]*$/)
    assert.equal((await disk.read(result.root, 'zebra')).toString(), 'calm')
    assert.deepEqual(cached, ['zebra'])
  })
}

for (const [what, failure, reason] of [
  ['a file without rights', { path: 'b', code: 'EACCES', on: 'openSync' }, /permission denied/],
  [
    'a folder without rights',
    { path: 'd', code: 'EACCES', on: 'readdirSync' },
    /permission denied/,
  ],
  ['a folder on a bad sector', { path: 'd', code: 'EIO', on: 'readdirSync' }, /EIO/],
  ['a small file on a bad sector', { path: 'a', code: 'EIO', on: 'readSync' }, /EIO/],
] as const satisfies readonly (readonly [string, Failure, RegExp])[]) {
  test(`${what} is named, and the rest is kept`, async () => {
    using disk = openSnapshotDisk()
    mkdirSync(disk.at('d'))
    mkdirSync(disk.at('e'))
    writeFileSync(disk.at('a'), 'small')
    for (const name of ['b', 'c', 'd/f', 'e/g']) {
      writeFileSync(disk.at(name), Buffer.alloc(LARGE_BYTES, name))
    }
    using _failing = failDisk({ ...failure, path: disk.at(failure.path) })
    const { root, problems } = await disk.snapshot()
    assert.deepEqual(namesOf(problems), [failure.path])
    assert.match(problems[0]?.reason ?? '', reason)
    const isKept = (name: string): boolean => name.split('/')[0] !== failure.path
    const kept = ['a', 'b', 'c', 'd', 'd/f', 'e', 'e/g'].filter(isKept)
    assert.deepEqual(await disk.list(root), kept)
    for (const name of ['b', 'c', 'd/f', 'e/g'].filter(isKept)) {
      assert.ok(Buffer.alloc(LARGE_BYTES, name).equals(await disk.read(root, name)), name)
    }
  })
}

test('a large file that fails while it is read is named, and the others are whole', async () => {
  using disk = openSnapshotDisk()
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) writeFileSync(disk.at(name), Buffer.alloc(LARGE_BYTES, name))
  using _forbidden = forbidReading(disk.at('b'))
  const { root, problems } = await disk.snapshot()
  assert.deepEqual(namesOf(problems), ['b'])
  assert.match(problems[0]?.reason ?? '', /EBADF/)
  assert.deepEqual(await disk.list(root), ['a', 'c', 'd', 'e'])
  for (const name of ['a', 'c', 'd', 'e']) {
    assert.ok(Buffer.alloc(LARGE_BYTES, name).equals(await disk.read(root, name)), name)
  }
})

for (const code of ['EACCES', 'EIO'] as const) {
  test(`a source that fails with ${code} as a whole is an error, not an empty snapshot`, async () => {
    using disk = openSnapshotDisk()
    writeFileSync(disk.at('a'), 'content')
    using _failing = failDisk({ path: disk.source, code, on: 'readdirSync' })
    await assert.rejects(disk.snapshot())
  })
}

type Change = readonly [string, (disk: SnapshotDisk) => void, RegExp]

function replace(disk: SnapshotDisk, make: (path: string) => void): void {
  unlinkSync(disk.at('b'))
  make(disk.at('b'))
}

/** What to exclude: nothing; but `act` is called when `name` has been listed. */
function once(name: string, act: () => void): (path: Uint8Array) => boolean {
  return path => {
    if (String(path) === name) act()
    return false
  }
}

function atFirst(act: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    act()
  }
}

function namesOf(problems: readonly { readonly path: Uint8Array }[]): string[] {
  return problems.map(({ path }) => displayName(path))
}
