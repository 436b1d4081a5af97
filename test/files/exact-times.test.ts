import assert from 'node:assert/strict'
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { openExactTimes } from '../../src/files/exact-times.ts'

test('times that are set beside each other do not mix, to the nanosecond', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'times-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const times = openExactTimes()
  const files = Array.from({ length: 2000 }, (_, at) => {
    const path = join(directory, `it's ${at}`)
    writeFileSync(path, '')
    // Some share their time, as files do that were made in one tick.
    return { path, time: BigInt(Math.floor(at / 3)) * 1_000_000_007n + 5n }
  })
  await Promise.all(files.map(({ path, time }) => times.set(Buffer.from(path), time)))
  assert.ok(await times.finish())
  for (const { path, time } of files)
    assert.equal(lstatSync(path, { bigint: true }).mtimeNs, time, path)
})
