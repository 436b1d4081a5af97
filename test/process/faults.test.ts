import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFile, open, readdir, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'

import { openSimRandom } from '../sim/sim-random.ts'
import { describeTree, differences } from '../trees/compare-trees.ts'
import { makePhotoTree } from '../trees/photo-tree.ts'
import { mustRun, run, start, up, workDirectory } from './peerkeep-process.ts'

const isSlow = process.env['SLOW'] === '1'
const kills = isSlow ? 100 : 12

interface Home {
  readonly home: string
  readonly source: string
  readonly back: string
}

async function makeHome(directory: string, tree: { mib: number; small: number }): Promise<Home> {
  const [home, source, back] = ['home', 'photos', 'back'].map(name => join(directory, name)) as [
    string,
    string,
    string,
  ]
  makePhotoTree(source, tree)
  await mustRun(home, 'init', '--name', 'laptop', '--words-file', join(directory, 'words'))
  return { home, source, back }
}

test('killed at random moments of a backup, nothing acknowledged is lost and the next one finishes', async context => {
  await using work = await workDirectory()
  const { home, source, back } = await makeHome(work.path, { mib: 64, small: 1500 })
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  context.diagnostic(`seed ${seed}`)
  const random = openSimRandom(seed)
  const known = new Map<string, string>()
  for (let at = 0; at < kills; at += 1) {
    const child = start(home, ['backup', source])
    // The moment is the point of the test: some kills come before the first blob, some after the last.
    const ended = once(child, 'close')
    await Promise.race([later(150 + random.below(1500)), ended])
    child.kill('SIGKILL')
    await ended
    const listed = (await mustRun(home, 'blobs')).split('\n')
    const here = new Set(listed)
    for (const line of known.keys())
      assert.ok(here.has(line), `${line} was listed before, and is gone`)
    for (const line of listed) known.set(line, line)
    const checked = await run(home, 'check', '--read-data')
    assert.equal(checked.code, 0, `after kill ${at}: ${checked.stdout}${checked.stderr}`)
  }
  await mustRun(home, 'backup', source)
  await mustRun(home, 'restore', 'photos', '-o', back)
  assert.deepEqual(differences(describeTree(source), describeTree(back)), [])
})

test('the index directory is deleted, and every answer is the same after the next start', async () => {
  await using work = await workDirectory()
  const { home, source } = await makeHome(work.path, { mib: 16, small: 200 })
  const snapshot = await mustRun(home, 'backup', source)
  const permanode = await mustRun(home, 'permanode', '--title', 'kept', '--tag', 'a')
  await mustRun(home, 'delete', permanode)
  const askInTurn = async (): Promise<string[]> => {
    const answers: string[] = []
    for (const args of [
      ['snapshots'],
      ['ls', '-R', '-l', 'photos'],
      ['describe', permanode],
      ['describe', snapshot],
      ['blobs'],
      ['devices'],
    ]) {
      answers.push(await mustRun(home, ...args))
    }
    return answers
  }
  const before = await askInTurn()
  await rm(join(home, 'index'), { recursive: true })
  assert.deepEqual(await askInTurn(), before)
  await mustRun(home, 'reindex')
  assert.deepEqual(await askInTurn(), before)
})

/** The largest data pack of a home. */
async function dataPack(home: string): Promise<{ path: string; size: number }> {
  const directory = join(home, 'blobs', 'data')
  const name = (await readdir(directory)).find(entry => entry.endsWith('.blobs')) ?? ''
  const path = join(directory, name)
  return { path, size: (await stat(path)).size }
}

interface Damage {
  readonly ref: string | null
  readonly neededBy: readonly string[]
}

async function damageOf(home: string): Promise<Damage[]> {
  const { code, stdout } = await run(home, '--json', 'check', '--read-data')
  assert.equal(code, 3, stdout)
  const lines = stdout.trim().split('\n')
  return lines.slice(0, -1).map(line => JSON.parse(line) as Damage)
}

test('20 random bytes changed: every damaged blob is named, with the file that needs it, and the rest restores', async () => {
  await using work = await workDirectory()
  const { home, source, back } = await makeHome(work.path, { mib: 48, small: 50 })
  await mustRun(home, 'backup', source)
  const { path, size } = await dataPack(home)
  const random = openSimRandom(7)
  const file = await open(path, 'r+')
  for (let at = 0; at < 20; at += 1) {
    const position = random.below(size)
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, position)
    byte[0] = (byte[0] ?? 0) ^ 0x55
    await file.write(byte, 0, 1, position)
  }
  await file.close()
  const named = await damageOf(home)
  assert.ok(named.length > 0 && named.length <= 20)
  assert.ok(
    named.every(({ neededBy }) => neededBy.length > 0),
    JSON.stringify(named),
  )
  const restored = await run(home, 'restore', 'photos', '-o', back)
  assert.equal(restored.code, 3)
  const [was, is] = [describeTree(source), describeTree(back)]
  for (const [name, line] of is) {
    if (line.startsWith('file')) assert.equal(line, was.get(name), `${name} is there, and wrong`)
  }
})

test('a pack cut short or deleted: what is lost is named, and the program goes on', async () => {
  await using work = await workDirectory()
  const { home, source } = await makeHome(work.path, { mib: 24, small: 20 })
  await mustRun(home, 'backup', source)
  const { path, size } = await dataPack(home)
  await truncate(path, Math.floor(size / 2))
  const cut = await damageOf(home)
  const lostByCut = cut.filter(({ ref }) => ref !== null)
  assert.ok(lostByCut.length > 0)
  assert.ok(
    lostByCut.every(({ neededBy }) => neededBy.length > 0),
    JSON.stringify(lostByCut),
  )
  await rm(path)
  const lost = await damageOf(home)
  assert.ok(lost.length > cut.length)
  await appendFile(join(source, 'new.txt'), 'new')
  await mustRun(home, 'backup', source)
  await mustRun(home, 'snapshots')
})

test('two processes on one home: the second is told who holds it', async () => {
  await using work = await workDirectory()
  const home = join(work.path, 'home')
  await mustRun(home, 'init', '--words-file', join(work.path, 'words'))
  await using node = await up(home)
  const second = await run(home, 'up', '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0')
  assert.equal(second.code, 1)
  assert.match(second.stderr, new RegExp(`in use by process ${node.process.pid} \\(up\\)`))
  assert.equal(await mustRun(home, 'snapshots'), '', 'commands are served meanwhile')
})

test('--home names another home than the environment does', async () => {
  await using work = await workDirectory()
  const [usual, named] = [join(work.path, 'usual'), join(work.path, 'named')]
  await mustRun(usual, '--home', named, 'init', '--words-file', join(work.path, 'words'))
  assert.equal((await run(usual, 'status')).code, 4)
  for (const args of [
    ['--home', named, 'status'],
    [`--home=${named}`, 'status'],
  ])
    assert.match(await mustRun(usual, ...args), new RegExp(named))
})
