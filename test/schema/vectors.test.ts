import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { nextCut } from '../../src/schema/chunker.ts'
import { growFileTree } from '../../src/schema/file-tree.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import type { NodeFields, Part } from '../../src/schema/schema-blob.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { parseTime } from '../../src/schema/time.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import {
  type Case,
  checkUpload,
  type Entry,
  nameOf,
  type Stat,
  targetOf,
  vectors,
} from '../vectors/perkeep/cases.ts'
import { generate } from '../vectors/perkeep/generate.ts'
import { BlobMap } from './blob-map.ts'

/** Every blob of one upload, by ref. */
class Upload extends BlobMap {
  keepContent(content: Uint8Array): readonly Part[] {
    const tree = growFileTree()
    for (let at = 0; ;) {
      const cut = nextCut(content.subarray(at, at + 1024 * 1024), at)
      if (!cut) break
      tree.add(this.keep(content.subarray(at, at + cut.length)), cut)
      at += cut.length
    }
    const { parts, blobs } = tree.finish()
    for (const bytes of blobs) this.keep(bytes)
    return parts
  }
}

function fieldsOf(stat: Stat, name: Uint8Array, isSymlink = false): NodeFields {
  return {
    name,
    permission: isSymlink ? undefined : Number.parseInt(stat.mode, 8) & 0o777,
    ownerId: stat.uid,
    groupId: stat.gid,
    owner: stat.owner ?? undefined,
    group: stat.group ?? undefined,
    mtime: parseTime(stat.mtime),
    ctime: parseTime(stat.ctime ?? ''),
  }
}

describe('files that pk-put stored', () => {
  for (const vector of vectors.cases.filter(one => one.kind === 'file')) {
    test(vector.name, () => {
      const upload = new Upload()
      const content = generate(vector.generator, vectors.words)
      assert.equal(refOf(content), vector.wholeRef)
      const fields = vector.contentsOnly ? {} : fieldsOf(vector.stat, nameOf(vector))
      const root = upload.keepSchema({
        type: 'file',
        ...fields,
        parts: upload.keepContent(content),
      })
      checkUpload(upload.blobs, root, vector)
      for (const bytes of upload.blobs.values()) {
        const schema = parseSchema(bytes)
        if (!schema || schema.type === 'unknown') continue
        assert.deepEqual(Buffer.from(writeSchema(schema)), Buffer.from(bytes))
      }
    })
  }
})

test('content whose end is reported separately, as files do', () => {
  for (const { generator, separate } of vectors.eofVariants) {
    const upload = new Upload()
    const parts = upload.keepContent(generate(generator, vectors.words))
    const fields = { name: Buffer.from('x') }
    assert.equal(upload.keepSchema({ type: 'file', ...fields, parts }), separate.root)
  }
})

function keepTree(upload: Upload, vector: Case): BlobRef {
  const byPath = new Map(vector.entries.map(entry => [entry.path, entry]))
  const keepDirectory = (path: string, name: string): BlobRef => {
    const isRoot = path === '.'
    const children = [...byPath.values()]
      .filter(entry => entry.path !== '.' && parentOf(entry.path) === (isRoot ? '' : path))
      .sort((a, b) => {
        const order = Number(a.type === 'directory') - Number(b.type === 'directory')
        return order || Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))
      })
    const members = children.map(entry => {
      const base = entry.path.slice(entry.path.lastIndexOf('/') + 1)
      return entry.type === 'directory'
        ? keepDirectory(entry.path, base)
        : keepEntry(upload, entry, base)
    })
    const ruled = isRoot && vector.rule ? keepRule(upload, vector) : members
    const { top, blobs } = writeStaticSet(ruled)
    for (const bytes of blobs) upload.keep(bytes)
    const stat = byPath.get(path)?.stat
    assert.ok(stat)
    return upload.keepSchema({
      type: 'directory',
      ...fieldsOf(stat, Buffer.from(name)),
      entries: top,
    })
  }
  return keepDirectory('.', vector.rootName)
}

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}

function keepRule(upload: Upload, vector: Case): BlobRef[] {
  return Array.from({ length: vector.rule?.count ?? 0 }, (_, at) => {
    const name = Buffer.from(`f${String(at).padStart(5, '0')}`)
    return upload.keepSchema({ type: 'file', ...fieldsOf(vector.childStat, name), parts: [] })
  })
}

function keepEntry(upload: Upload, entry: Entry, name: string): BlobRef {
  const fields = fieldsOf(entry.stat, Buffer.from(name), entry.type === 'symlink')
  // The recording gave ctime only where it differs from mtime, but for regular files.
  const node =
    entry.stat.ctime === entry.stat.mtime && entry.type !== 'file'
      ? { ...fields, ctime: undefined }
      : fields
  switch (entry.type) {
    case 'file': {
      assert.ok(entry.generator)
      const parts = upload.keepContent(generate(entry.generator, vectors.words))
      return upload.keepSchema({ type: 'file', ...node, parts })
    }
    case 'symlink':
      return upload.keepSchema({ type: 'symlink', ...node, target: targetOf(entry) })
    case 'fifo':
      return upload.keepSchema({ type: 'fifo', ...node })
    case 'socket':
    case 'chardev':
      // Perkeep stores device nodes as sockets.
      return upload.keepSchema({ type: 'socket', ...node })
    case 'directory':
      throw new TypeError('a directory is kept by keepDirectory')
  }
}

describe('trees that pk-put stored', () => {
  for (const vector of vectors.cases.filter(one => one.kind === 'tree')) {
    test(vector.name, () => {
      const upload = new Upload()
      checkUpload(upload.blobs, keepTree(upload, vector), vector)
    })
  }
})

test('all recorded cases are there', () => {
  assert.equal(vectors.cases.length, 35)
})
