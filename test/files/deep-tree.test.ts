import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'

import { TREE_DEPTH_MAX } from '../../src/schema/limits.ts'
import { failDisk } from './watched-disk.ts'
import { openSnapshotDisk } from './snapshot-disk.ts'

test('a tree deeper than any reader goes is stored as far as it can be read back, and says so', async () => {
  using disk = openSnapshotDisk()
  const names = Array.from({ length: TREE_DEPTH_MAX + 200 }, () => 'd')
  mkdirSync(disk.at(names.join('/')), { recursive: true })
  const deepest = names.slice(0, TREE_DEPTH_MAX - 1).join('/')
  writeFileSync(disk.at(`${deepest}/kept`), 'content')
  const { root, problems } = await disk.snapshot()
  assert.deepEqual(
    problems.map(({ path }) => String(path)),
    [`${deepest}/d`],
  )
  assert.match(problems[0]?.reason ?? '', /1000 folders deep/)
  assert.ok((await disk.list(root)).includes(`${deepest}/kept`))
})

for (const on of ['readdirSync', 'openSync'] as const) {
  test(`a source that ${on} is refused for is told in one sentence`, async () => {
    using disk = openSnapshotDisk()
    writeFileSync(disk.at('file'), 'content')
    const source = on === 'openSync' ? disk.at('file') : disk.source
    using _failing = failDisk({ path: source, code: 'EACCES', on })
    await assert.rejects(disk.snapshot({ source }), {
      code: 'NOT_FOUND',
      message: `${source} cannot be stored: permission denied`,
    })
  })
}
