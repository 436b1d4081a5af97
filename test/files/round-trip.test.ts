import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { restoreTree } from '../../src/files/restore.ts'
import { snapshotTree } from '../../src/files/snapshot.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import * as compare from '../trees/compare-trees.ts'
import { makeHardTree } from '../trees/hard-tree.ts'

test('a hard tree comes back as it was, and gives the same snapshot again', async t => {
  const work = mkdtempSync(join(tmpdir(), 'files-'))
  t.after(() => execFileSync('sh', ['-c', 'chmod -R u+rwx "$1"; rm -rf "$1"', 'sh', work]))
  const [source, target] = [join(work, 'source'), join(work, 'target')]
  makeHardTree(source, { sparseBytes: 64 * 1024 * 1024, crowd: 2000 })
  const store = openMemoryStore({ classify: classifyBlob })
  const door = openDoor(store, () => undefined)
  const options = { source, door, clock: systemClock, mode: 'backup' as const }
  const { root, problems } = await snapshotTree(options)
  assert.deepEqual(problems, [])
  const fetch = store.fetch.bind(store)
  const restored = await restoreTree({ fetch, root, target, overwrite: false })
  assert.deepEqual(restored.problems, [])
  const [was, is] = [source, target].map(path => compare.describeTree(path))
  assert.ok(was && is)
  assert.deepEqual(
    compare.differences(was, is).filter(line => !isSameButForRounding(line)),
    [],
  )
  assert.equal((await snapshotTree(options)).root, root)
})

/** Node sets times as seconds in a float: 239 ns apart in this century, and cuts off. Everything else must be equal. */
function isSameButForRounding(line: string): boolean {
  const times = [...line.matchAll(/ (-?\d{10,20})(?= |$)/g)].map(match => BigInt(match[1] ?? ''))
  const [left, right] = line.slice(line.indexOf(': ') + 2).split(' <> ')
  const [was, is] = times
  if (times.length !== 2 || was === undefined || is === undefined) return false
  const isNear = was - is <= 480n && is - was <= 480n
  return isNear && left?.replace(String(was), '') === right?.replace(String(is), '')
}
