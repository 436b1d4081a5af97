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

test('a pattern file has one pattern a line, however its lines end', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'peerkeep-exclude-'))
  t.after(() => rm(folder, { recursive: true }))
  const patternFile = join(folder, 'patterns')
  await writeFile(patternFile, '# temporary\r\n*.tmp\r\n\n!dear.tmp')
  const options = { source: '/', patterns: ['*.bak'], patternFile, caches: false }
  const excludes = await openExcludes(options)
  const leftOut = ['a.tmp', 'a.bak', 'dear.tmp', '# temporary', 'a'].filter(
    path => excludes?.(Buffer.from(path), false) === true,
  )
  assert.deepEqual(leftOut, ['a.tmp', 'a.bak'])
})

test('a name that is no text is left out by the form in which it is shown', async () => {
  const patterns = [String.raw`caf\\xe9`]
  const excludes = await openExcludes({ source: '/', patterns, caches: false })
  assert.equal(excludes?.(Buffer.from('636166e9', 'hex'), false), true)
  assert.equal(excludes?.(Buffer.from('636166e8', 'hex'), false), false)
})

test('without anything to leave out nothing is asked', async () => {
  assert.equal(await openExcludes({ source: '/', patterns: [], caches: false }), undefined)
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
