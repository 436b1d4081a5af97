import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { openContentReader } from '../../src/files/content-reader.ts'

const MIB = 1024 * 1024

test('what cannot be read is told with its code, and the next file is read all the same', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reader-'))
  const path = join(directory, 'file')
  const content = Buffer.alloc(2 * MIB, 'some bytes ')
  writeFileSync(path, content)
  const [folder, file] = [openSync(directory, 'r'), openSync(path, 'r')]
  const reader = openContentReader()
  try {
    const block = new SharedArrayBuffer(3 * MIB)
    const broken = reader.open(folder)
    const first = broken.read(block, MIB, false)
    const second = broken.read(block, MIB, true)
    await assert.rejects(first, { code: 'EISDIR' })
    await assert.rejects(second, { code: 'EISDIR' })
    broken.end()
    const told = await reader.open(file).read(block, content.length, true)
    assert.equal(`sha224-${told.digest}`, refOf(content))
    let at = 0
    for (const [i, length] of told.lengths.entries()) {
      assert.equal(told.refs[i], refOf(content.subarray(at, at + length)))
      at += length
    }
    assert.equal(at, content.length)
  } finally {
    await reader.close()
    for (const descriptor of [folder, file]) closeSync(descriptor)
    rmSync(directory, { recursive: true })
  }
})

test('what is asked when the thread is ended is refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reader-'))
  const folder = openSync(directory, 'r')
  const reader = openContentReader()
  const asked = reader.open(folder).read(new SharedArrayBuffer(MIB), MIB, true)
  const refused = assert.rejects(asked)
  await reader.close()
  await refused
  closeSync(folder)
  rmSync(directory, { recursive: true })
})
