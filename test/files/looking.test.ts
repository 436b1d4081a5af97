import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import fc from 'fast-check'

import type { BlobRef } from '../../src/blob/ref.ts'
import { diffTrees } from '../../src/files/diff.ts'
import { displayName } from '../../src/files/display-name.ts'
import { namePattern } from '../../src/files/find.ts'
import { listTree, resolvePath } from '../../src/files/list.ts'
import { openSnapshotDisk, type SnapshotDisk } from './snapshot-disk.ts'

const strangeName = Buffer.from('636166e9', 'hex')

test('a folder lists what it holds, with types and sizes', async () => {
  using disk = openTree()
  const { root } = await disk.snapshot()
  assert.deepEqual(await listing(disk, root, false), [
    '.hidden file 6',
    'a.txt file 5',
    String.raw`back\slash file 0`,
    String.raw`caf\xe9 file 7`,
    'empty directory -',
    'link symlink -',
    'sub directory -',
  ])
  const { ref } = await resolvePath(disk.fetch, root, 'empty')
  assert.deepEqual(await listing(disk, ref, true), [])
})

test('what is below is listed behind its folder', async () => {
  using disk = openTree()
  const { root } = await disk.snapshot()
  const { ref } = await resolvePath(disk.fetch, root, 'sub')
  assert.deepEqual(await listing(disk, ref, true), [
    'b.txt file 4',
    'deeper directory -',
    'deeper/c file 3',
  ])
  const entries = listTree(disk.fetch, root, { recursive: true })
  const paths = await Array.fromAsync(entries, ({ path }) => displayName(path))
  assert.equal(new Set(paths).size, 10)
  for (const path of paths.filter(one => one.includes('/'))) {
    assert.ok(paths.indexOf(dirname(path)) < paths.indexOf(path), path)
  }
})

test('a file lists itself', async () => {
  using disk = openTree()
  const { root } = await disk.snapshot()
  const { ref } = await resolvePath(disk.fetch, root, 'sub/deeper/c')
  for (const recursive of [false, true]) {
    assert.deepEqual(await listing(disk, ref, recursive), ['c file 3'])
  }
})

test('a path leads where its names say, in the form in which they are shown', async () => {
  using disk = openTree()
  const { root } = await disk.snapshot()
  for (const path of [
    'sub/deeper/c',
    '/sub//deeper/c/',
    String.raw`caf\xe9`,
    String.raw`back\slash`,
  ]) {
    const { node } = await resolvePath(disk.fetch, root, path)
    assert.equal(
      displayName(node.name ?? assert.fail()),
      path.split('/').findLast(name => name !== ''),
    )
  }
  assert.equal((await resolvePath(disk.fetch, root, '')).ref, root)
})

test('names that are no text are told apart', async () => {
  using disk = openTree()
  writeFileSync(inSource(disk, Buffer.from('636166e8', 'hex')), 'stranger')
  const { root } = await disk.snapshot()
  assert.equal((await disk.read(root, String.raw`caf\xe9`)).toString(), 'strange')
  assert.equal((await disk.read(root, String.raw`caf\xe8`)).toString(), 'stranger')
})

for (const [path, missing] of [
  ['sub/none/c', /no sub\/none in/],
  ['none', /no none in/],
  ['a.txt/b', /no a\.txt\/b in/],
  ['link/b', /no link\/b in/],
  ['A.TXT', /no A\.TXT in/],
  ['sub/../a.txt', /no sub\/\.\. in/],
  ['café', /no café in/],
] as const) {
  test(`a path that leads nowhere says from where on: ${path}`, async () => {
    using disk = openTree()
    const { root } = await disk.snapshot()
    await assert.rejects(resolvePath(disk.fetch, root, path), {
      code: 'NOT_FOUND',
      message: missing,
    })
  })
}

test('a blob that is no file or folder is no place to look', async () => {
  using disk = openTree()
  const { ref } = await disk.door.receive(Buffer.from('data'))
  await assert.rejects(resolvePath(disk.fetch, ref, ''), { code: 'BAD_SCHEMA' })
})

test('each snapshot shows the tree as it was then', async () => {
  using disk = openTree()
  const { root: old } = await disk.snapshot()
  const before = await disk.list(old)
  writeFileSync(disk.at('a.txt'), 'rewritten')
  rmSync(disk.at('sub'), { recursive: true })
  writeFileSync(disk.at('empty/new'), 'new')
  const { root: now } = await disk.snapshot()
  assert.deepEqual(await disk.list(old), before)
  assert.equal((await disk.read(old, 'a.txt')).toString(), 'this!')
  assert.equal((await disk.read(old, 'sub/deeper/c')).toString(), 'abc')
  assert.equal((await disk.read(now, 'a.txt')).toString(), 'rewritten')
  const kept = before.filter(path => !path.startsWith('sub'))
  assert.deepEqual(await disk.list(now), [...kept, 'empty/new'].toSorted())
})

for (const [pattern, found] of [
  ['a.txt', ['a.txt']],
  ['*.txt', ['a.txt', 'sub/b.txt']],
  ['?.txt', ['a.txt', 'sub/b.txt']],
  ['[b-z].txt', ['sub/b.txt']],
  ['[!b].txt', ['a.txt']],
  ['.h*', ['.hidden']],
  ['sub', ['sub']],
  ['deeper', ['sub/deeper']],
  ['TXT', []],
  ['A.TXT', []],
  ['txt', []],
  ['sub/*', ['sub/b.txt', 'sub/deeper']],
  ['*/b.txt', ['sub/b.txt']],
  ['**/*.txt', ['a.txt', 'sub/b.txt']],
  ['sub/**/c', ['sub/deeper/c']],
  ['**/c', ['sub/deeper/c']],
  ['*/c', []],
  ['caf*', [String.raw`caf\xe9`]],
] as const) {
  test(`the pattern ${pattern} finds ${found.length === 0 ? 'nothing' : found.join(', ')}`, async () => {
    using disk = openTree()
    const { root } = await disk.snapshot()
    const matches = namePattern(pattern)
    const entries = await Array.fromAsync(listTree(disk.fetch, root, { recursive: true }))
    const paths = entries.filter(({ path }) => matches(path)).map(({ path }) => displayName(path))
    assert.deepEqual(paths.toSorted(), found)
  })
}

for (const [what, change, lines] of [
  ['nothing', () => undefined, []],
  ['other content', disk => writeFileSync(disk.at('a.txt'), 'that!'), ['M a.txt']],
  ['a touched file', disk => utimesSync(disk.at('a.txt'), 5, 5), ['T a.txt']],
  ['other rights', disk => chmodSync(disk.at('sub/deeper/c'), 0o600), ['T sub/deeper/c']],
  ['a new file', disk => writeFileSync(disk.at('new'), ''), ['+ new']],
  ['a deleted file', disk => unlinkSync(disk.at('.hidden')), ['- .hidden']],
  // The folder's own time changes with what it holds.
  ['a new file below', disk => writeFileSync(disk.at('sub/new'), ''), ['+ sub/new', 'T sub']],
  [
    'a moved file',
    disk => renameSync(disk.at('a.txt'), disk.at('empty/a.txt')),
    ['+ empty/a.txt', '- a.txt', 'T empty'],
  ],
  [
    'a moved folder',
    disk => renameSync(disk.at('sub'), disk.at('sub2')),
    [
      '+ sub2',
      '+ sub2/b.txt',
      '+ sub2/deeper',
      '+ sub2/deeper/c',
      '- sub',
      '- sub/b.txt',
      '- sub/deeper',
      '- sub/deeper/c',
    ],
  ],
  ['a new empty folder', disk => mkdirSync(disk.at('empty2')), ['+ empty2']],
  ['a deleted empty folder', disk => rmdirSync(disk.at('empty')), ['- empty']],
  [
    'a link that leads elsewhere',
    disk => {
      unlinkSync(disk.at('link'))
      symlinkSync('sub', disk.at('link'))
    },
    ['M link'],
  ],
  [
    'a file that became a link',
    disk => {
      unlinkSync(disk.at('a.txt'))
      symlinkSync('sub', disk.at('a.txt'))
    },
    ['T a.txt'],
  ],
  [
    'an empty folder that became a file',
    disk => {
      rmdirSync(disk.at('empty'))
      writeFileSync(disk.at('empty'), 'no more')
    },
    ['T empty'],
  ],
  [
    'a strange name changed by one byte',
    disk => {
      const [from, to] = [strangeName, Buffer.from('636166e8', 'hex')]
      renameSync(inSource(disk, from), inSource(disk, to))
    },
    [String.raw`+ caf\xe8`, String.raw`- caf\xe9`],
  ],
] as const satisfies readonly (readonly [
  string,
  (disk: SnapshotDisk) => void,
  readonly string[],
])[]) {
  test(`two snapshots differ by ${what}`, async () => {
    using disk = openTree()
    const { root: old } = await disk.snapshot()
    change(disk)
    const { root: now } = await disk.snapshot()
    assert.deepEqual(await difference(disk, old, now), lines)
    assert.deepEqual(await difference(disk, now, old), lines.map(turned).toSorted())
  })
}

test('what is the same in both snapshots is not read', async () => {
  using disk = openTree()
  const { root: old } = await disk.snapshot()
  writeFileSync(disk.at('a.txt'), 'that!')
  const { root: now } = await disk.snapshot()
  const { node } = await resolvePath(disk.fetch, old, 'sub')
  const fetched = new Set<BlobRef>()
  const fetch = (ref: BlobRef): ReturnType<typeof disk.fetch> => {
    fetched.add(ref)
    return disk.fetch(ref)
  }
  assert.deepEqual(await difference({ fetch }, old, now), ['M a.txt'])
  assert.ok(node.type === 'directory' && !fetched.has(node.entries))
})

test('the difference of any two trees is what was put in, taken out and changed', async () => {
  const names = fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/a', 'e/a', 'e/d/e/b')
  const trees = fc.dictionary(names, fc.constantFrom('', 'x', 'y'), { noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(trees, trees, async (before, after) => {
      using disk = openSnapshotDisk()
      const old = await snapshotOf(disk, before)
      const now = await snapshotOf(disk, after)
      assert.deepEqual(await difference(disk, old, now), expectedLines(before, after))
    }),
    { numRuns: 60 },
  )
})

function openTree(): SnapshotDisk {
  const disk = openSnapshotDisk()
  mkdirSync(disk.at('sub/deeper'), { recursive: true })
  mkdirSync(disk.at('empty'))
  writeFileSync(disk.at('a.txt'), 'this!')
  writeFileSync(disk.at('.hidden'), 'secret')
  writeFileSync(disk.at('sub/b.txt'), 'that')
  writeFileSync(disk.at('sub/deeper/c'), 'abc')
  writeFileSync(disk.at(String.raw`back\slash`), '')
  writeFileSync(inSource(disk, strangeName), 'strange')
  symlinkSync('a.txt', disk.at('link'))
  for (const path of ['a.txt', 'sub/deeper', 'sub', 'empty']) utimesSync(disk.at(path), 1, 1)
  return disk
}

function inSource({ source }: SnapshotDisk, name: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${source}/`), name])
}

async function listing(disk: SnapshotDisk, ref: BlobRef, recursive: boolean): Promise<string[]> {
  const entries = listTree(disk.fetch, ref, { recursive })
  const lines = await Array.fromAsync(
    entries,
    ({ path, node, size }) => `${displayName(path)} ${node.type} ${size ?? '-'}`,
  )
  return lines.toSorted()
}

async function difference(
  { fetch }: Pick<SnapshotDisk, 'fetch'>,
  a: BlobRef,
  b: BlobRef,
): Promise<string[]> {
  const found = diffTrees(fetch, a, b)
  const lines = await Array.fromAsync(found, ({ change, path }) => `${change} ${displayName(path)}`)
  return lines.toSorted()
}

/** A line of the difference as the other direction has it. */
function turned(line: string): string {
  if (line.startsWith('+')) return `-${line.slice(1)}`
  return line.startsWith('-') ? `+${line.slice(1)}` : line
}

type Tree = Readonly<Record<string, string>>

/** Makes the folder hold exactly these files, all of one time, and stores it. */
async function snapshotOf({ source, at, snapshot }: SnapshotDisk, tree: Tree): Promise<BlobRef> {
  rmSync(source, { recursive: true })
  mkdirSync(source)
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(at(path)), { recursive: true })
    writeFileSync(at(path), content)
  }
  for (const path of pathsOf(tree)) utimesSync(join(source, path), 1, 1)
  return (await snapshot()).root
}

/** The files and every folder above them. */
function pathsOf(tree: Tree): Set<string> {
  const paths = new Set<string>()
  for (const file of Object.keys(tree)) {
    for (let path = file; path !== '.'; path = dirname(path)) paths.add(path)
  }
  return paths
}

function expectedLines(before: Tree, after: Tree): string[] {
  const [old, now] = [pathsOf(before), pathsOf(after)]
  const gone = [...old.difference(now)].map(path => `- ${path}`)
  const added = [...now.difference(old)].map(path => `+ ${path}`)
  const both = Object.keys(before).filter(path => now.has(path))
  const changed = both.filter(path => before[path] !== after[path]).map(path => `M ${path}`)
  return [...gone, ...added, ...changed].toSorted()
}
