import assert from 'node:assert/strict'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { restoreTree, type RestoreResult } from '../../src/files/restore.ts'
import type { NodeFields } from '../../src/schema/schema-blob.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { type WritableSchema, writeSchema } from '../../src/schema/write-schema.ts'
import { describeTree } from '../trees/compare-trees.ts'

let work = ''
let target = ''
let canary = ''
let blobs = new Map<BlobRef, Uint8Array>()

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'peerkeep-hostile-'))
  target = join(work, 'target')
  canary = join(work, 'canary')
  mkdirSync(canary)
  writeFileSync(join(canary, 'file'), 'untouched')
  blobs = new Map()
})
afterEach(() => rm(work, { recursive: true }))

function keep(bytes: Uint8Array): BlobRef {
  const ref = refOf(bytes)
  blobs.set(ref, bytes)
  return ref
}

const schema = (blob: WritableSchema): BlobRef => keep(writeSchema(blob))

function file(name: string, text: string, more: NodeFields = {}): BlobRef {
  const content = Buffer.from(text)
  const parts = [{ blobRef: keep(content), size: content.length }]
  return schema({ type: 'file', ...more, name: Buffer.from(name, 'latin1'), parts })
}

function link(name: string, to: string): BlobRef {
  return schema({ type: 'symlink', name: Buffer.from(name), target: Buffer.from(to) })
}

function directory(name: string, entries: readonly BlobRef[]): BlobRef {
  const set = writeStaticSet(entries)
  for (const bytes of set.blobs) keep(bytes)
  return schema({ type: 'directory', name: Buffer.from(name, 'latin1'), entries: set.top })
}

/** Restores, and holds that nothing beside the target has changed. */
async function restore(root: BlobRef, overwrite = false): Promise<RestoreResult> {
  const before = describeTree(canary)
  const fetch = async (ref: BlobRef): Promise<Uint8Array | undefined> => blobs.get(ref)
  const result = await restoreTree({ fetch, root, target, overwrite })
  assert.deepEqual(describeTree(canary), before)
  assert.deepEqual(readdirSync(work).sort(), ['canary', 'target'])
  return result
}

for (const name of [
  '..',
  '.',
  '',
  '../canary/file',
  '/etc/evil',
  'a/b',
  'nul\0byte',
  'n'.repeat(256),
]) {
  test(`an entry called ${JSON.stringify(name.slice(0, 20))} is refused, and the rest is restored`, async () => {
    const result = await restore(directory('top', [file(name, 'evil'), file('good', 'good')]))
    assert.equal(result.problems.length, 1)
    assert.deepEqual(readdirSync(target), ['good'])
  })
  test(`a folder called ${JSON.stringify(name.slice(0, 20))} is refused with what is in it`, async () => {
    const evil = directory(name, [file('file', 'evil')])
    const result = await restore(directory('top', [evil, file('good', 'good')]))
    assert.equal(result.problems.length, 1)
    assert.deepEqual(readdirSync(target), ['good'])
  })
}

test('a link and then a folder of its name: nothing is written through the link', async () => {
  const through = directory('door', [file('file', 'evil'), file('new', 'evil')])
  const result = await restore(directory('top', [link('door', canary), through]))
  assert.ok(result.problems.length > 0)
  assert.ok(lstatSync(join(target, 'door')).isSymbolicLink())
})

test('a link and then a file of its name: the file does not follow it', async () => {
  await restore(directory('top', [link('door', join(canary, 'file')), file('door', 'evil')]), true)
})

for (const overwrite of [false, true]) {
  test(`links planted in the target are not followed, overwrite ${overwrite}`, async () => {
    mkdirSync(target)
    symlinkSync(canary, join(target, 'sub'))
    symlinkSync(join(canary, 'file'), join(target, 'plain'))
    symlinkSync(join(canary, 'made'), join(target, 'dangling'))
    const root = directory('top', [
      file('plain', 'evil'),
      file('dangling', 'evil'),
      directory('sub', [file('file', 'evil'), file('made', 'evil')]),
    ])
    const result = await restore(root, overwrite)
    assert.ok(result.problems.length > 0)
  })
}

for (const first of ['../canary/file', '/etc/passwd', 'door/file', '..', '']) {
  test(`a hard link to ${JSON.stringify(first)} becomes a file of its own`, async () => {
    const linked = file('linked', 'untouched', { hardlink: Buffer.from(first) })
    await restore(directory('top', [link('door', canary), linked]))
    const stat = lstatSync(join(target, 'linked'))
    assert.equal(stat.nlink, 1)
    assert.equal(readFileSync(join(target, 'linked'), 'utf8'), 'untouched')
  })
}

test('a name that stands twice is restored once, and reported', async () => {
  const result = await restore(directory('top', [file('same', 'first'), file('same', 'second')]))
  assert.equal(readFileSync(join(target, 'same'), 'utf8'), 'first')
  assert.equal(result.problems.length, 1)
})

test('a file that wants more than its blobs have, or a blob that is not here, costs that file only', async () => {
  const content = keep(Buffer.from('short'))
  const long = schema({
    type: 'file',
    name: Buffer.from('long'),
    parts: [{ blobRef: content, size: 50 }],
  })
  const lost = schema({
    type: 'file',
    name: Buffer.from('lost'),
    parts: [{ blobRef: refOf(Buffer.from('never stored')), size: 12 }],
  })
  const result = await restore(directory('top', [long, lost, file('good', 'good')]))
  assert.equal(result.problems.length, 2)
  assert.deepEqual(readdirSync(target), ['good'])
})

test('what is there with the right content is kept, what differs is left alone unless told to overwrite', async () => {
  const root = directory('top', [file('same', 'same'), file('mine', 'theirs')])
  mkdirSync(target)
  writeFileSync(join(target, 'same'), 'same')
  writeFileSync(join(target, 'mine'), 'edited')
  const careful = await restore(root)
  assert.equal(careful.kept, 1)
  assert.equal(careful.problems.length, 1)
  assert.equal(readFileSync(join(target, 'mine'), 'utf8'), 'edited')
  const bold = await restore(root, true)
  assert.equal(bold.problems.length, 0)
  assert.equal(readFileSync(join(target, 'mine'), 'utf8'), 'theirs')
})

test('a restore that was interrupted continues', async () => {
  const names = Array.from({ length: 40 }, (_, at) => `file ${String(at).padStart(2, '0')}`)
  const root = directory(
    'top',
    names.map(name => file(name, `content of ${name}`)),
  )
  const stop = new AbortController()
  const fetch = async (ref: BlobRef): Promise<Uint8Array | undefined> => blobs.get(ref)
  const onProgress = ({ files }: { readonly files: number }): void => {
    if (files === 17) stop.abort(new Error('enough'))
  }
  const first = restoreTree({
    fetch,
    root,
    target,
    overwrite: false,
    onProgress,
    signal: stop.signal,
  })
  await assert.rejects(first, /enough/)
  const second = await restore(root)
  assert.equal(second.kept, 17)
  assert.equal(second.files, 23)
  assert.deepEqual(readdirSync(target).sort(), names)
})
