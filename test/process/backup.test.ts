import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { describeTree, differences } from '../trees/compare-trees.ts'
import { makeHardTree } from '../trees/hard-tree.ts'
import { makePhotoTree } from '../trees/photo-tree.ts'
import { mustRun, run, runUnprivileged, workDirectory } from './peerkeep-process.ts'

const isSlow = process.env['SLOW'] === '1'
const photos = isSlow ? { mib: 200, small: 5000 } : { mib: 96, small: 1500 }
const hard = isSlow
  ? { sparseBytes: 3 * 1024 ** 3, crowd: 25_000 }
  : { sparseBytes: 64 * 1024 ** 2, crowd: 10_500 }

test('a photo tree comes back as it was, and the second backup finds nothing new', async () => {
  await using work = await workDirectory()
  const [home, source, target] = ['home', 'photos', 'back'].map(name => join(work.path, name)) as [
    string,
    string,
    string,
  ]
  makePhotoTree(source, photos)
  await mustRun(home, 'init', '--name', 'laptop', '--words-file', join(work.path, 'words'))
  const first = await mustRun(home, 'backup', source)
  const second = await mustRun(home, 'backup', source)
  assert.equal(second, first)
  await mustRun(home, 'restore', 'photos', '-o', target)
  assert.deepEqual(differences(describeTree(source), describeTree(target)), [])
  await mustRun(home, 'check', '--read-data')
})

test('a tree of everything that is hard comes back as it was', async () => {
  await using work = await workDirectory()
  const [home, source, target] = ['home', 'hard', 'back'].map(name => join(work.path, name)) as [
    string,
    string,
    string,
  ]
  makeHardTree(source, hard)
  await mustRun(home, 'init', '--words-file', join(work.path, 'words'))
  await mustRun(home, 'backup', source, '--name', 'hard')
  await mustRun(home, 'restore', 'hard', '-o', target)
  assert.deepEqual(differences(describeTree(source), describeTree(target)), [])
})

test('what changed is a new snapshot, and the old one is still there', async () => {
  await using work = await workDirectory()
  const [home, source] = [join(work.path, 'home'), join(work.path, 'notes')]
  await mkdir(source)
  await writeFile(join(source, 'a'), 'old')
  await writeFile(join(source, 'gone'), 'soon')
  await mustRun(home, 'init', '--words-file', join(work.path, 'words'))
  const old = await mustRun(home, 'backup', source)
  await writeFile(join(source, 'a'), 'newer')
  await writeFile(join(source, 'b'), 'more')
  await rm(join(source, 'gone'))
  const now = await mustRun(home, 'backup', source, '--force')
  const changes = await mustRun(home, 'diff', `notes@${old}`, `notes@${now}`)
  assert.deepEqual(changes.split('\n').sort(), ['+ b', '- gone', 'M a'])
  await mustRun(home, 'restore', `notes@${old}`, '-o', join(work.path, 'old'))
  assert.deepEqual((await readdir(join(work.path, 'old'))).sort(), ['a', 'gone'])
})

test('a source that is suddenly empty or missing is refused, and nothing changes', async () => {
  await using work = await workDirectory()
  const [home, source] = [join(work.path, 'home'), join(work.path, 'drive')]
  makePhotoTree(source, { mib: 4, small: 50 })
  await mustRun(home, 'init', '--words-file', join(work.path, 'words'))
  await mustRun(home, 'backup', source)
  const before = await mustRun(home, 'blobs')
  await rm(source, { recursive: true })
  assert.equal((await run(home, 'backup', source)).code, 4)
  await mkdir(source)
  const refused = await run(home, 'backup', source)
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /--force/)
  assert.equal(await mustRun(home, 'blobs'), before)
})

test('what cannot be read is named, the rest is kept, and the exit code says so', async () => {
  await using work = await workDirectory()
  const [home, source, target] = ['home', 'docs', 'back'].map(name => join(work.path, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of ['closed', 'open']) {
    await mkdir(join(source, folder), { recursive: true })
    await writeFile(join(source, folder, 'inside'), `inside ${folder}`)
  }
  for (const name of ['letter', 'secret']) await writeFile(join(source, name), name)
  await chmod(join(source, 'secret'), 0)
  await chmod(join(source, 'closed'), 0)
  await mustRun(home, 'init', '--words-file', join(work.path, 'words'))
  const partial = await runUnprivileged(home, 'backup', source)
  assert.equal(partial.code, 3)
  assert.match(partial.stderr, /secret.*permission denied/)
  assert.match(partial.stderr, /closed.*permission denied/)
  assert.doesNotMatch(partial.stderr, /letter|open/)
  await mustRun(home, 'restore', 'docs', '-o', target)
  assert.deepEqual((await readdir(target, { recursive: true })).sort(), [
    'letter',
    'open',
    'open/inside',
  ])
  await chmod(join(source, 'secret'), 0o600)
  await chmod(join(source, 'closed'), 0o700)
  const whole = await runUnprivileged(home, 'backup', source)
  assert.equal(whole.code, 0, whole.stderr)
  assert.match(await mustRun(home, 'ls', 'docs'), /secret/)
})
