import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import fc from 'fast-check'

import { type Exclude, openExcludes } from '../../src/files/exclude.ts'

/** Nothing of this user's settings, nor of a hook that runs the tests. */
const env = { PATH: process.env['PATH'] }

const folders = ['.', 'a', 'a/a', 'a/d', 'd', 'd/a', 'd/d', 'd/.a', 'A']
const files = ['b', 'ab', 'a.txt', 'b.txt', '.b', 'B', 'a b', '#a', '!a', 'a\\b', '[a]', 'a*', 'b ']

const piece = fc.oneof(
  fc.constantFrom('a', 'b', 'd', '.', '.txt', 'A', 'B', '#', '!', ' ', ']'),
  fc.constantFrom('*', '?', '[ab]', '[!a]', '[^b]', '[a-c]'),
  fc.constantFrom('\\#', '\\!', '\\*', '\\ ', '\\\\', '\\['),
)
const name = fc.array(piece, { minLength: 1, maxLength: 3 }).map(pieces => pieces.join(''))
// What git's manual leaves open is left out: `**` beside anything but slashes, and two slashes in a row.
const path = fc.array(fc.oneof({ weight: 3, arbitrary: name }, fc.constant('**')), {
  minLength: 1,
  maxLength: 3,
})
const pattern = fc
  .tuple(fc.constantFrom('', '', '!'), fc.constantFrom('', '', '/'), path, fc.constantFrom('', '/'))
  .map(([not, top, names, end]) => not + top + names.join('/') + end)

test('patterns leave out what git would ignore, and nothing else', async () => {
  using tree = makeTree()
  await fc.assert(
    fc.asyncProperty(fc.array(pattern, { minLength: 1, maxLength: 4 }), async patterns => {
      const exclude = await openExcludes({ source: tree.path, patterns, caches: false })
      const kept = exclude ? [...walk(tree.path, exclude)] : assert.fail()
      assert.deepEqual(kept.toSorted(), keptByGit(tree.path, patterns))
    }),
    { numRuns: 500, examples: manual.map(patterns => [[...patterns]]) },
  )
})

/** The cases that git's manual tells apart. */
const manual: readonly (readonly string[])[] = [
  ['# no pattern', '', '   '],
  ['*', '!b'],
  ['d', '!d/a/b'],
  ['d/*', '!d/a'],
  ['/*', '!/a', '/a/*', '!/a/d'],
  ['b'],
  ['/b'],
  ['a/b'],
  ['d/'],
  ['b/'],
  ['**/a/b'],
  ['d/**'],
  ['a/**/b'],
  ['b '],
  ['b\\ '],
  ['\\#a', '\\!a'],
  ['a\\*'],
]

function makeTree(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'exclude-git-'))
  execFileSync('git', ['init', '-q', path], { env })
  for (const folder of folders) {
    mkdirSync(join(path, folder), { recursive: true })
    for (const file of files) writeFileSync(join(path, folder, file), '')
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

/** The files that a backup would store: what is below a folder that is left out is not looked at. */
function* walk(source: string, exclude: Exclude, below = ''): Generator<string> {
  for (const entry of readdirSync(join(source, below), { withFileTypes: true })) {
    const path = join(below, entry.name)
    if (path === '.git' || exclude(Buffer.from(path), entry.isDirectory())) continue
    if (entry.isDirectory()) yield* walk(source, exclude, path)
    else yield path
  }
}

function keptByGit(source: string, patterns: readonly string[]): string[] {
  writeFileSync(join(source, '.git/patterns'), patterns.join('\n'))
  const config = ['-c', 'core.ignorecase=false']
  const list = ['ls-files', '-z', '--others', '--exclude-from=.git/patterns']
  const found = execFileSync('git', [...config, ...list], { cwd: source, env, encoding: 'utf8' })
  return found.split('\0').slice(0, -1).toSorted()
}
