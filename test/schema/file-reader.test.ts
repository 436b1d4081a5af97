import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import { CHUNK_MAX, type Cut, nextCut } from '../../src/schema/chunker.ts'
import { readFileContent, sizeOfParts } from '../../src/schema/file-reader.ts'
import { growFileTree } from '../../src/schema/file-tree.ts'
import { SCHEMA_SIZE_MAX } from '../../src/schema/limits.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import type { Part } from '../../src/schema/schema-blob.ts'
import { generate } from '../vectors/perkeep/generate.ts'
import { BlobMap } from './blob-map.ts'

async function read(map: BlobMap, parts: readonly Part[]): Promise<Buffer> {
  const pieces = await Array.fromAsync(readFileContent(map.fetch, parts))
  return Buffer.concat(
    pieces.map(({ size, bytes }) => {
      assert.equal(bytes?.length ?? size, size)
      return bytes ?? Buffer.alloc(size)
    }),
  )
}

/** Stores content cut at the given places, as a backup does. */
function store(map: BlobMap, content: Uint8Array, cuts: Iterable<Cut>): readonly Part[] {
  const tree = growFileTree()
  let at = 0
  for (const cut of cuts) {
    tree.add(map.keep(content.subarray(at, at + cut.length)), cut)
    at += cut.length
  }
  assert.equal(at, content.length)
  const { parts, blobs } = tree.finish()
  for (const bytes of blobs) map.keep(bytes)
  return parts
}

function* cutsOf(content: Uint8Array): Generator<Cut> {
  for (let at = 0; ;) {
    const cut = nextCut(content.subarray(at, at + CHUNK_MAX), at)
    if (!cut) return
    yield cut
    at += cut.length
  }
}

test('a stored file comes back, whatever is in it', async () => {
  for (const size of [0, 1, 262_144, 262_145, 5_000_000]) {
    for (const content of [
      generate({ type: 'xorshift32', seed: 3, size }, []),
      Buffer.alloc(size),
    ]) {
      const map = new BlobMap()
      const parts = store(map, content, cutsOf(content))
      assert.equal(sizeOfParts(parts), size)
      assert.ok(content.equals(await read(map, parts)))
    }
  }
})

test('a stored file comes back, however it was cut', async () => {
  const cuts = fc.array(
    fc.record({ length: fc.integer({ min: 1, max: 9 }), weight: fc.integer({ min: 13, max: 31 }) }),
    { maxLength: 200 },
  )
  await fc.assert(
    fc.asyncProperty(cuts, fc.integer({ min: 0, max: 9 }), async (list, rest) => {
      const all = rest === 0 ? list : [...list, { length: rest, weight: 0 }]
      const size = all.reduce((sum, cut) => sum + cut.length, 0)
      const content = generate({ type: 'xorshift32', seed: 5, size }, [])
      const map = new BlobMap()
      assert.ok(content.equals(await read(map, store(map, content, all))))
    }),
    { numRuns: 300 },
  )
})

test('twenty gigabytes of zeros make no blob that is too large to be schema', async () => {
  const map = new BlobMap()
  const zeros = map.keep(Buffer.alloc(CHUNK_MAX))
  const tree = growFileTree()
  for (let at = 0; at < 20_000; at += 1) tree.add(zeros, { length: CHUNK_MAX, weight: 20 })
  // A heavier cut puts them all below one span.
  tree.add(zeros, { length: CHUNK_MAX, weight: 21 })
  const { parts, blobs } = tree.finish()
  for (const bytes of blobs) {
    assert.ok(bytes.length <= SCHEMA_SIZE_MAX - 45_000)
    assert.equal(parseSchema(bytes)?.type, 'bytes')
    map.keep(bytes)
  }
  let size = 0
  for await (const piece of readFileContent(map.fetch, parts)) size += piece.size
  assert.equal(size, 20_001 * CHUNK_MAX)
})

/** What parts say, word for word and with everything in memory. */
function naive(map: BlobMap, parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map(({ size, blobRef, bytesRef, offset = 0 }) => {
      if (blobRef) return Buffer.from(map.blobs.get(blobRef) ?? []).subarray(offset, offset + size)
      if (!bytesRef) return Buffer.alloc(size)
      const below = parseSchema(map.blobs.get(bytesRef) ?? Buffer.alloc(0))
      assert.ok(below?.type === 'bytes')
      return naive(map, below.parts).subarray(offset, offset + size)
    }),
  )
}

interface Shape {
  readonly kind: 'hole' | 'blob' | readonly Shape[]
  readonly skip: number
  readonly drop: number
}

const { list: shapes } = fc.letrec<{ shape: Shape; list: Shape[] }>(tie => ({
  shape: fc.record({
    kind: fc.oneof({ depthSize: 'small' }, fc.constantFrom('hole', 'blob'), tie('list')),
    skip: fc.nat({ max: 12 }),
    drop: fc.nat({ max: 12 }),
  }),
  list: fc.array(tie('shape'), { maxLength: 6 }),
}))

/** Parts of that shape, each of which takes a stretch of what it refers to. */
function build(map: BlobMap, list: readonly Shape[], seed = 1): Part[] {
  return list.map(({ kind, skip, drop }, at) => {
    if (kind === 'hole') return { size: skip, offset: drop }
    const here = seed * 31 + at
    const below = kind === 'blob' ? undefined : build(map, kind, here)
    const bytes = generate({ type: 'xorshift32', seed: here + 1, size: 20 + (here % 7) }, [])
    const target = below
      ? { bytesRef: map.keepSchema({ type: 'bytes', parts: below }) }
      : { blobRef: map.keep(bytes) }
    const total = below ? sizeOfParts(below) : bytes.length
    const offset = Math.min(skip, total)
    return { ...target, offset, size: Math.max(0, total - offset - drop) }
  })
}

test('offsets, holes and nested bytes are read as a naive reader reads them', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async list => {
      const map = new BlobMap()
      const parts = build(map, list)
      assert.equal((await read(map, parts)).toString('hex'), naive(map, parts).toString('hex'))
    }),
    { numRuns: 500 },
  )
})

const small = (map: BlobMap): BlobRef => map.keep(Buffer.from('12345'))

test('a part that wants more than its target has is an error', async () => {
  const map = new BlobMap()
  const blobRef = small(map)
  const bytesRef = map.keepSchema({ type: 'bytes', parts: [{ size: 5, blobRef }] })
  const liar = map.keepSchema({ type: 'bytes', parts: [{ size: 6, blobRef }] })
  for (const part of [
    { size: 6, blobRef },
    { size: 5, offset: 1, blobRef },
    { size: 6, bytesRef: liar },
    { size: 6, bytesRef },
    { size: 5, offset: 1, bytesRef },
    { size: 1, offset: Number.MAX_SAFE_INTEGER, blobRef },
    { size: Number.MAX_SAFE_INTEGER, offset: Number.MAX_SAFE_INTEGER, bytesRef },
  ]) {
    await assert.rejects(read(map, [part]), error => isPeerkeepError(error, 'BAD_SCHEMA'))
  }
})

test('bytes that are no bytes blob are an error', async () => {
  const map = new BlobMap()
  for (const bytesRef of [small(map), map.keepSchema({ type: 'static-set', members: [] })]) {
    await assert.rejects(read(map, [{ size: 1, bytesRef }]), error =>
      isPeerkeepError(error, 'BAD_SCHEMA'),
    )
  }
})

test('what is missing is named', async () => {
  const map = new BlobMap()
  const blobRef = small(map)
  const bytesRef = map.keepSchema({ type: 'bytes', parts: [{ size: 5, blobRef }] })
  const parts = [{ size: 5, bytesRef }]
  assert.equal((await read(map, parts)).toString(), '12345')
  for (const ref of [blobRef, bytesRef]) {
    map.blobs.delete(ref)
    await assert.rejects(read(map, parts), error => {
      return isPeerkeepError(error, 'BLOB_MISSING') && error.details['ref'] === ref
    })
  }
})

function nest(map: BlobMap, levels: number): Part {
  let part: Part = { size: 5, blobRef: small(map) }
  for (let at = 0; at < levels; at += 1) {
    part = { size: 5, bytesRef: map.keepSchema({ type: 'bytes', parts: [part] }) }
  }
  return part
}

test('bytes in bytes are read to a depth, and no deeper', async () => {
  const map = new BlobMap()
  assert.equal((await read(map, [nest(map, 1000)])).toString(), '12345')
  await assert.rejects(read(map, [nest(map, 2000)]), error => isPeerkeepError(error, 'BAD_SCHEMA'))
})

test('whoever reads a little of a bomb fetches a little', async () => {
  const map = new BlobMap()
  let part: Part = { size: 5, blobRef: small(map) }
  for (let level = 0; level < 40; level += 1) {
    part = { size: part.size * 2, bytesRef: map.keepSchema({ type: 'bytes', parts: [part, part] }) }
  }
  for await (const piece of readFileContent(map.fetch, [part])) {
    assert.equal(piece.size, 5)
    break
  }
  assert.ok(map.fetched < 100)
})

test('a hole of any size is one piece', async () => {
  const pieces = await Array.fromAsync(
    readFileContent(new BlobMap().fetch, [{ size: Number.MAX_SAFE_INTEGER }]),
  )
  assert.deepEqual(pieces, [{ size: Number.MAX_SAFE_INTEGER, bytes: undefined }])
})
