import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { nodeFiles } from '../../src/base/node-files.ts'
import { testFileLayer } from '../contract/file-layer.ts'
import { openSimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'

const root = await mkdtemp(join(tmpdir(), 'peerkeep-files-'))
after(() => rm(root, { recursive: true }))

async function onDisk(): Promise<{ files: typeof nodeFiles; root: string }> {
  return { files: nodeFiles, root: await mkdtemp(join(root, 'case-')) }
}

testFileLayer('disk', onDisk)
testFileLayer('simulated', async () => {
  const files = openSimFiles({ random: openSimRandom(1) })
  await files.makeDirectory('/home')
  return { files, root: '/home' }
})

test('disk: what it makes is for this user only', async () => {
  const { files, root: directory } = await onDisk()
  await files.makeDirectory(`${directory}/a/b`)
  await (await files.open(`${directory}/a/b/c`, 'create')).close()
  assert.equal((await stat(`${directory}/a`)).mode & 0o777, 0o700)
  assert.equal((await stat(`${directory}/a/b/c`)).mode & 0o777, 0o600)
})

test('disk: a file that is closed while it is read is read to the end', async () => {
  const { files, root: directory } = await onDisk()
  const file = await files.open(`${directory}/a`, 'create')
  await file.write([new Uint8Array(1 << 20).fill(7)], 0)
  const into = new Uint8Array(1 << 20)
  const reading = file.read(into, 0)
  await file.close()
  assert.equal(await reading, 1 << 20)
  assert.ok(into.every(byte => byte === 7))
})
