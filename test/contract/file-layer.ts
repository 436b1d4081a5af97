import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { type FileLayer, replaceFile } from '../../src/base/files.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What every FileLayer must do; `open` gives one and an empty directory on it. */
export function testFileLayer(
  name: string,
  open: () => Promise<{ files: FileLayer; root: string; now: () => number }>,
): void {
  const isIo = (error: unknown): boolean => isPeerkeepError(error, 'IO')

  async function textOf(files: FileLayer, path: string): Promise<string | undefined> {
    const content = await files.readFile(path)
    return content && new TextDecoder().decode(content)
  }

  test(`${name}: what is written in parts is read back, as a whole and in parts`, async () => {
    const { files, root } = await open()
    const file = await files.open(`${root}/a`, 'create')
    await file.write([bytes('hello '), bytes(''), bytes('world')], 0)
    await file.write([bytes('W'), bytes('ORLD!')], 6)
    await file.write([], 3)
    await file.sync()
    assert.equal(await file.size(), 12)
    const part = new Uint8Array(8)
    assert.equal(await file.read(part, 6), 6)
    assert.equal(new TextDecoder().decode(part.subarray(0, 6)), 'WORLD!')
    assert.equal(await file.read(part, 12), 0)
    assert.equal(await file.read(part, 500), 0)
    await file.close()
    assert.equal(await textOf(files, `${root}/a`), 'hello WORLD!')
    assert.equal(await files.fileSize(`${root}/a`), 12)
  })

  test(`${name}: thousands of chunks are one write`, async () => {
    const { files, root } = await open()
    const file = await files.open(`${root}/a`, 'create')
    const chunks = Array.from({ length: 3000 }, (_, i) => bytes(`${i},`))
    await file.write(chunks, 0)
    await file.close()
    assert.equal(await textOf(files, `${root}/a`), chunks.map((_, i) => `${i},`).join(''))
  })

  test(`${name}: a gap and what was cut off read as zeros`, async () => {
    const { files, root } = await open()
    const file = await files.open(`${root}/a`, 'create')
    await file.write([bytes('abcdef')], 0)
    await file.truncate(2)
    await file.truncate(4)
    await file.write([bytes('x')], 6)
    await file.close()
    assert.equal(await textOf(files, `${root}/a`), 'ab\0\0\0\0x')
  })

  test(`${name}: what is not there is undefined, not an error`, async () => {
    const { files, root } = await open()
    assert.equal(await files.open(`${root}/no`, 'read'), undefined)
    assert.equal(await files.open(`${root}/no`, 'update'), undefined)
    assert.equal(await files.readFile(`${root}/no`), undefined)
    assert.equal(await files.fileSize(`${root}/no`), undefined)
    assert.equal(await files.list(`${root}/no`), undefined)
    await files.remove(`${root}/no`)
  })

  test(`${name}: a directory is no file, and a file no directory`, async () => {
    const { files, root } = await open()
    await files.makeDirectory(`${root}/directory`)
    await (await files.open(`${root}/file`, 'create')).close()
    assert.equal(await files.fileSize(`${root}/directory`), undefined)
    assert.equal(await files.modifiedTime(`${root}/directory`), undefined)
    assert.equal(await files.list(`${root}/file`), undefined)
  })

  test(`${name}: a file has the time of its last change, none that is not there`, async () => {
    const { files, root, now } = await open()
    const before = now()
    await replaceFile(files, `${root}/a`, bytes('new'))
    const modified = await files.modifiedTime(`${root}/a`)
    // A file system's clock may be a tick behind.
    assert.ok(modified !== undefined && modified >= before - 1000 && modified <= now() + 1000)
    assert.equal(await files.modifiedTime(`${root}/no`), undefined)
  })

  test(`${name}: what cannot be done says so`, async () => {
    const { files, root } = await open()
    await (await files.open(`${root}/a`, 'create')).close()
    await assert.rejects(files.open(`${root}/a`, 'create'), isIo)
    await assert.rejects(files.open(`${root}/no/a`, 'create'), isIo)
    await assert.rejects(files.rename(`${root}/no`, `${root}/b`), isIo)
    await assert.rejects(files.makeDirectory(`${root}/a`), isIo)
    await assert.rejects(files.syncDirectory(`${root}/no`), isIo)
    const file = await files.open(`${root}/a`, 'read')
    assert.ok(file)
    await assert.rejects(file.write([bytes('x')], 0), isIo)
    await file.close()
    await file.close()
    await assert.rejects(file.size(), error => isPeerkeepError(error, 'CLOSED'))
  })

  test(`${name}: names are listed in byte order, directories among them`, async () => {
    const { files, root } = await open()
    for (const each of ['\u{10000}', '\u{ffff}', 'b', 'a.b', 'a'])
      await (await files.open(`${root}/${each}`, 'create')).close()
    await files.makeDirectory(`${root}/aa/deep/er`)
    await files.makeDirectory(`${root}/aa/deep`)
    assert.deepEqual(await files.list(root), ['a', 'a.b', 'aa', 'b', '\u{ffff}', '\u{10000}'])
    assert.deepEqual(await files.list(`${root}/aa/deep/er`), [])
  })

  test(`${name}: a file moves over another one; who has that one open still reads it`, async () => {
    const { files, root } = await open()
    await replaceFile(files, `${root}/a`, bytes('old'))
    const old = await files.open(`${root}/a`, 'read')
    await replaceFile(files, `${root}/a`, bytes('new'))
    assert.deepEqual(await files.list(root), ['a'])
    assert.equal(await textOf(files, `${root}/a`), 'new')
    const content = new Uint8Array(3)
    await old?.read(content, 0)
    assert.deepEqual(content, bytes('old'))
    await files.makeDirectory(`${root}/other`)
    await files.rename(`${root}/a`, `${root}/other/b`)
    await files.remove(`${root}/other/b`)
    assert.deepEqual(await files.list(`${root}/other`), [])
    await old?.close()
  })

  test(`${name}: free space is a part of the whole`, async () => {
    const { files, root } = await open()
    const { free, total } = await files.freeSpace(root)
    assert.ok(free > 0 && free <= total)
  })
}
