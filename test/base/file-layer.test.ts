import assert from 'node:assert/strict'
import fs from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { testFileLayer } from '../contract/file-layer.ts'
import { openSimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'

const root = await mkdtemp(join(tmpdir(), 'peerkeep-files-'))
after(() => rm(root, { recursive: true }))

async function onDisk(): Promise<{ files: typeof nodeFiles; root: string; now: () => number }> {
  return { files: nodeFiles, root: await mkdtemp(join(root, 'case-')), now: Date.now }
}

testFileLayer('disk', onDisk)
testFileLayer('simulated', async () => {
  const now = (): number => 1_000_000
  const files = openSimFiles({ random: openSimRandom(1), clock: { now } })
  await files.makeDirectory('/home')
  return { files, root: '/home', now }
})

test('disk: what it makes is for this user only', async () => {
  const { files, root: directory } = await onDisk()
  await files.makeDirectory(`${directory}/a/b`)
  await (await files.open(`${directory}/a/b/c`, 'create')).close()
  assert.equal((await stat(`${directory}/a`)).mode & 0o777, 0o700)
  assert.equal((await stat(`${directory}/a/b/c`)).mode & 0o777, 0o600)
})

/** Puts another function in the place of one of node:fs while the test runs. */
function replaceCall(
  t: TestContext,
  name: 'read' | 'writev',
  by: (...args: never[]) => void,
): void {
  t.mock.method(fs, name, by as never)
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
}

type Done = (error: Error | null, count: number) => void

test('disk: a system that moves a few bytes at a time loses none', async t => {
  const { read, writev } = fs
  replaceCall(
    t,
    'read',
    (
      ...[fd, into, at, length, position, done]: [number, Uint8Array, number, number, number, Done]
    ) => read(fd, into, at, Math.min(length, 3), position, done),
  )
  replaceCall(
    t,
    'writev',
    (...[fd, chunks, position, done]: [number, Uint8Array[], number, Done]) =>
      writev(fd, [Buffer.concat(chunks).subarray(0, 3)], position, done),
  )
  const { files, root: directory } = await onDisk()
  const file = await files.open(`${directory}/a`, 'create')
  await file.write([Buffer.from('ab'), Buffer.from('cde'), Buffer.from('fghij')], 0)
  const into = Buffer.alloc(12)
  assert.equal(await file.read(into, 0), 10)
  assert.equal(into.toString(), 'abcdefghij\0\0')
  await file.close()
})

test('disk: a file that is closed while it is read is read to the end', async t => {
  const { read } = fs
  replaceCall(
    t,
    'read',
    (...args: Parameters<typeof read>) => void setImmediate(() => read(...args)),
  )
  const { files, root: directory } = await onDisk()
  const file = await files.open(`${directory}/a`, 'create')
  await file.write([new Uint8Array(100).fill(7)], 0)
  const into = new Uint8Array(100)
  const reading = file.read(into, 0)
  await file.close()
  assert.equal(await reading, 100)
  assert.ok(into.every(byte => byte === 7))
})

test('disk: a full disk is told from other failures', async t => {
  for (const [system, code] of [
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EIO', 'IO'],
  ] as const) {
    const { files, root: directory } = await onDisk()
    const file = await files.open(`${directory}/a`, 'create')
    const cause = Object.assign(new Error(system), { code: system })
    replaceCall(t, 'writev', (...[, , , done]: [number, Uint8Array[], number, Done]) =>
      done(cause, 0),
    )
    await assert.rejects(
      file.write([new Uint8Array(1)], 0),
      error =>
        isPeerkeepError(error, code) && error.cause === cause && error.message.includes(directory),
    )
    await file.close()
  }
})
