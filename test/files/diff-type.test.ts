import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { diffTrees } from '../../src/files/diff.ts'
import { displayName } from '../../src/files/display-name.ts'
import { openSnapshotDisk } from './snapshot-disk.ts'
test('a folder with content that became a file: its content is gone, and said so', async () => {
  using disk = openSnapshotDisk()
  mkdirSync(disk.at('x'))
  writeFileSync(disk.at('x/precious'), 'p')
  const { root: a } = await disk.snapshot()
  rmSync(disk.at('x'), { recursive: true })
  writeFileSync(disk.at('x'), 'file')
  const { root: b } = await disk.snapshot()
  const lines = (
    await Array.fromAsync(diffTrees(disk.fetch, a, b), d => `${d.change} ${displayName(d.path)}`)
  ).sort()
  assert.deepEqual(lines, ['- x/precious', 'T x'])
})
