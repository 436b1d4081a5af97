import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { mustRun, run, up, workDirectory } from './peerkeep-process.ts'

/** Asks as another user of this machine, and answers the status. */
async function statusAs(uid: number, url: string): Promise<string> {
  const program = `fetch(${JSON.stringify(url)}).then(answer => console.log(answer.status))`
  const args = ['--reuid', String(uid), '--clear-groups', process.execPath, '-e', program]
  return (await promisify(execFile)('setpriv', args)).stdout.trim()
}

test('without a password a node serves its own user, and nobody else on the machine', async t => {
  await using work = await workDirectory()
  const home = join(work.path, 'home')
  await mustRun(home, 'init', '--name', 'nas')
  await using node = await up(home)
  const url = `${node.http}/bs/camli/enumerate-blobs`
  assert.equal((await fetch(url)).status, 200)
  assert.equal((await fetch(`${node.http}/`)).status, 200)
  const other = process.getuid?.() === 0
  if (!other) t.diagnostic('only root can ask as somebody else: that part is skipped')
  else assert.equal(await statusAs(65_534, url), '401')
})

test('a server on other addresses wants a password first', async () => {
  await using work = await workDirectory()
  const home = join(work.path, 'home')
  await mustRun(home, 'init', '--name', 'nas')
  const refused = await run(home, 'up', '--http', '0.0.0.0:0')
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /config set auth userpass:USER:PASSWORD/)
})

test('what is on one node is copied to another and to a folder, and found again', async () => {
  await using work = await workDirectory()
  const [from, to] = [join(work.path, 'from'), join(work.path, 'to')]
  const file = join(work.path, 'letter.txt')
  await writeFile(file, 'a letter\n'.repeat(30_000))
  await mustRun(from, 'init', '--name', 'laptop')
  await mustRun(from, 'config', 'set', 'auth', 'userpass:alice:secret')
  const ref = await mustRun(from, 'put', file)
  await using node = await up(from)
  await mustRun(to, 'init', '--name', 'nas')
  const denied = await run(to, 'sync', node.http, 'here')
  assert.equal(denied.code, 1)
  assert.match(denied.stderr, /wants a name and password/)
  const url = node.http.replace('//', '//alice:secret@')
  assert.match(await mustRun(to, 'sync', url, 'here'), /blobs copied/)
  const folder = `plain+file://${work.path}/folder`
  assert.equal((await run(to, 'sync', 'here', folder)).code, 4)
  await mustRun(to, 'sync', 'here', folder, '--plain')
  const again = await mustRun(to, '--json', 'sync', folder, 'here')
  assert.equal((JSON.parse(again) as { copied: number }).copied, 0)
  assert.equal(await mustRun(to, 'cat', ref), 'a letter\n'.repeat(30_000).trimEnd())
})
