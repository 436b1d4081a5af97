import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { PeerkeepError } from '../../src/base/errors.ts'
import { type CopyOptions, copyBlobs } from '../../src/blob/copy-blobs.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobStore } from '../../src/blob/store.ts'

const open = (): BlobStore => openMemoryStore({ classify: () => 'data' })

async function fill(store: BlobStore, texts: readonly string[]): Promise<void> {
  const door = openDoor(store, () => undefined)
  for (const text of texts) await door.receive(Buffer.from(text))
}

function optionsOf(
  from: CopyOptions['from'],
  to: BlobStore,
  more: Partial<CopyOptions> = {},
): CopyOptions {
  const door = openDoor(to, () => undefined)
  return {
    from,
    to: { enumerate: after => to.enumerate(after), receive: door.receive },
    parallel: 4,
    signal: new AbortController().signal,
    onProblem: (ref, reason) => assert.fail(`${ref}: ${reason}`),
    ...more,
  }
}

const refsIn = async (store: BlobStore): Promise<string[]> =>
  (await Array.fromAsync(store.enumerate())).map(({ ref }) => ref)

test('afterwards the target has what either had, and only what it lacked was read', async () => {
  const texts = fc.array(fc.string({ maxLength: 3 }), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(texts, texts, async (there, here) => {
      const [from, to] = [open(), open()]
      await fill(from, there)
      await fill(to, here)
      const read: BlobRef[] = []
      const source = {
        enumerate: from.enumerate,
        fetch: (ref: BlobRef) => (read.push(ref), from.fetch(ref)),
      }
      const lacked = new Set(there).difference(new Set(here))
      const counts = await copyBlobs(optionsOf(source, to))
      assert.equal(counts.copied, lacked.size)
      assert.equal(counts.seen, new Set(there).size)
      assert.deepEqual(read.sort(), [...lacked].map(text => refOf(Buffer.from(text))).sort())
      const all = new Set([...there, ...here])
      assert.deepEqual(await refsIn(to), [...all].map(text => refOf(Buffer.from(text))).sort())
      assert.deepEqual(
        await refsIn(from),
        [...new Set(there)].map(text => refOf(Buffer.from(text))).sort(),
      )
    }),
    { numRuns: 60 },
  )
})

test('a blob that cannot be read, or is another one, is named; the rest is copied', async () => {
  const [from, to] = [open(), open()]
  await fill(from, ['gone', 'forged', 'good', 'fine'])
  const [gone, forged] = ['gone', 'forged'].map(text => refOf(Buffer.from(text)))
  const source = {
    enumerate: from.enumerate,
    async fetch(ref: BlobRef) {
      if (ref === gone) return undefined
      return ref === forged ? Buffer.from('something else') : from.fetch(ref)
    },
  }
  const problems = new Map<string, string>()
  const counts = await copyBlobs(
    optionsOf(source, to, { onProblem: (ref, reason) => void problems.set(ref, reason) }),
  )
  assert.equal(counts.copied, 2)
  assert.equal(counts.failed, 2)
  assert.match(problems.get(gone ?? '') ?? '', /not there/)
  assert.match(problems.get(forged ?? '') ?? '', /nothing was stored/)
  assert.deepEqual(await refsIn(to), ['good', 'fine'].map(text => refOf(Buffer.from(text))).sort())
})

test('a full target ends the copy with its reason, and what was copied stays', async () => {
  const [from, to] = [open(), open()]
  await fill(
    from,
    Array.from({ length: 500 }, (_, i) => `blob ${i}`),
  )
  let room = 100
  const full: BlobStore = {
    ...to,
    async add(blob) {
      if (room === 0) throw new PeerkeepError('DISK_FULL', 'no room')
      room -= 1
      return to.add(blob)
    },
  }
  const copying = copyBlobs(optionsOf(from, full, { onProblem: () => undefined }))
  await assert.rejects(copying, { code: 'DISK_FULL' })
  assert.equal((await refsIn(to)).length, 100)
  room = Infinity
  assert.equal((await copyBlobs(optionsOf(from, full))).copied, 400)
})

test('one that is stopped says so, and at no time are more on their way than may be', async () => {
  const [from, to] = [open(), open()]
  await fill(
    from,
    Array.from({ length: 50 }, (_, i) => `blob ${i}`),
  )
  const stopping = new AbortController()
  let [running, most] = [0, 0]
  const source = {
    enumerate: from.enumerate,
    async fetch(ref: BlobRef) {
      running += 1
      most = Math.max(most, running)
      const bytes = await from.fetch(ref)
      running -= 1
      return bytes
    },
  }
  const copying = copyBlobs(
    optionsOf(source, to, {
      signal: stopping.signal,
      onProgress: ({ copied }) => {
        if (copied === 20) stopping.abort(new PeerkeepError('ABORTED', 'stopped'))
      },
    }),
  )
  await assert.rejects(copying, { code: 'ABORTED' })
  assert.ok(most <= 4)
  assert.ok((await refsIn(to)).length >= 20)
})

test('a source that says how it is best read is read so', async () => {
  const [from, to] = [open(), open()]
  await fill(
    from,
    Array.from({ length: 30 }, (_, i) => `blob ${i}`),
  )
  const read: BlobRef[] = []
  const source = {
    enumerate: from.enumerate,
    fetch: (ref: BlobRef) => (read.push(ref), from.fetch(ref)),
    inReadingOrder: async <Blob>(blobs: readonly Blob[]) => blobs.toReversed(),
  }
  const counts = await copyBlobs(optionsOf(source, to))
  assert.equal(counts.copied, 30)
  assert.deepEqual(read, (await refsIn(from)).toReversed())
})
