import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { describeTree, differences } from '../trees/compare-trees.ts'
import { makeHardTree } from '../trees/hard-tree.ts'
import { invite } from './invite.ts'
import { mustRun, run, up, workDirectory } from './peerkeep-process.ts'

test('a backup reaches a second device, and comes back from it when the first is destroyed', async () => {
  await using work = await workDirectory()
  const at = (name: string): string => join(work.path, name)
  makeHardTree(at('hard'), { sparseBytes: 4 * 1024 ** 2, crowd: 1000 })
  await mustRun(at('laptop'), 'init', '--name', 'laptop', '--words-file', at('words'))
  await using laptop = await up(at('laptop'))

  const { ticket, ended } = await invite(at('laptop'))
  await mustRun(at('nas'), 'join', ticket, '--name', 'nas')
  assert.equal(await ended, 0)
  await using nas = await up(at('nas'))
  assert.match(await mustRun(at('nas'), 'devices'), /laptop/)

  await mustRun(at('laptop'), 'backup', at('hard'))
  await mustRun(at('laptop'), 'wait', 'hard', '--copies', '2', '--timeout', '50s')
  await laptop.kill()
  await rm(at('laptop'), { recursive: true })

  await mustRun(at('nas'), 'restore', 'laptop:hard', '-o', at('back'))
  assert.deepEqual(differences(describeTree(at('hard')), describeTree(at('back'))), [])
  assert.equal(await nas.stop(), 0)
  await mustRun(at('nas'), 'check', '--read-data')
})

test('a used ticket, a wrong one and a text that is none let nobody in', async () => {
  await using work = await workDirectory()
  const at = (name: string): string => join(work.path, name)
  await mustRun(at('laptop'), 'init', '--name', 'laptop', '--words-file', at('words'))
  await using laptop = await up(at('laptop'))
  const { ticket, ended } = await invite(at('laptop'))
  await mustRun(at('nas'), 'join', ticket, '--name', 'nas')
  assert.equal(await ended, 0)

  for (const bad of [ticket, `${ticket.slice(0, -4)}aaaa`, 'peerkeep1', 'hello']) {
    const refused = await run(at('thief'), 'join', bad, '--name', 'thief')
    assert.equal(refused.code, 1, refused.stderr)
    assert.match(refused.stderr, /ticket/)
    assert.equal((await run(at('thief'), 'devices')).code, 4, 'the thief has no owner')
  }
  const names = (await mustRun(at('laptop'), '--json', 'devices'))
    .split('\n')
    .map(line => (JSON.parse(line) as { name: string }).name)
  assert.deepEqual(names.sort(), ['laptop', 'nas'])
  assert.equal(await laptop.stop(), 0)
})

test('wait says when the time is over, and what is missing', async () => {
  await using work = await workDirectory()
  const at = (name: string): string => join(work.path, name)
  await mustRun(at('laptop'), 'init', '--words-file', at('words'))
  await writeFile(at('note'), 'alone')
  await mustRun(at('laptop'), 'backup', work.path, '--name', 'all', '--exclude', 'laptop')
  assert.equal((await run(at('laptop'), 'wait', 'all', '--copies', '1')).code, 0)
  const alone = await run(at('laptop'), 'wait', 'all', '--copies', '2', '--timeout', '1s')
  assert.equal(alone.code, 1)
  assert.match(alone.stderr, /1 of 2/)
})
