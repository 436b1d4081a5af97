import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { openExcludes } from '../../src/files/exclude.ts'

test('a pattern leaves out only names of its own case', async () => {
  const excludes = await openExcludes({ source: '/', patterns: ['*.TMP'], caches: false })
  assert.equal(excludes?.(Buffer.from('a.TMP'), false), true)
  assert.equal(excludes?.(Buffer.from('thesis.tmp'), false), false)
})

test('a pattern file that is missing is wrong usage', async () => {
  const options = { source: '/', patterns: [], patternFile: '/nowhere/excludes', caches: false }
  await assert.rejects(openExcludes(options), { code: 'BAD_USAGE' })
})

test('only a real tag makes a folder a cache', { timeout: 10_000 }, async t => {
  const source = await mkdtemp(join(tmpdir(), 'peerkeep-exclude-'))
  t.after(() => rm(source, { recursive: true }))
  for (const folder of ['cache', 'fake', 'fifo']) await mkdir(join(source, folder))
  await mkdir(join(source, 'folder/CACHEDIR.TAG'), { recursive: true })
  const signature = 'Signature: 8a477f597d28d172789f06886806bc55'
  await writeFile(join(source, 'cache/CACHEDIR.TAG'), signature)
  await writeFile(join(source, 'fake/CACHEDIR.TAG'), 'Signature: another')
  const excludes = await openExcludes({ source, patterns: [], caches: true })
  const leavesOut = (path: string): boolean | undefined => excludes?.(Buffer.from(path), false)
  assert.equal(leavesOut('cache/file'), true)
  assert.equal(leavesOut('cache/CACHEDIR.TAG'), false)
  assert.equal(leavesOut('fake/file'), false)
  assert.equal(leavesOut('folder/file'), false)
  if (process.platform === 'win32') return
  execFileSync('mkfifo', [join(source, 'fifo/CACHEDIR.TAG')])
  assert.equal(leavesOut('fifo/file'), false)
})
