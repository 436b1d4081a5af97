import assert from 'node:assert/strict'
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { snapshotTree } from '../../src/files/snapshot.ts'
import { nodeOf } from '../../src/schema/tree-reader.ts'
import { BlobMap } from '../schema/blob-map.ts'

test('put leaves out a ctime that is the mtime, as pk-put does', async t => {
  const work = mkdtempSync(join(tmpdir(), 'put-'))
  t.after(() => rmSync(work, { recursive: true }))
  const source = join(work, 'fresh')
  writeFileSync(source, 'content')
  const stat = lstatSync(source, { bigint: true })
  assert.equal(stat.ctimeNs, stat.mtimeNs)
  const blobs = new BlobMap()
  const door = {
    receive: async (bytes: Uint8Array) => ({
      ref: blobs.keep(bytes),
      size: bytes.length,
      isNew: true,
    }),
  }
  const { root } = await snapshotTree({ source, door, clock: systemClock, mode: 'put' })
  assert.equal(nodeOf(blobs.blobs.get(root) ?? assert.fail())?.ctime, undefined)
})
