import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { BLOB_SIZE_MAX } from '../../src/blob/limits.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, parseBlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobStore, SizedRef } from '../../src/blob/store.ts'

const absent = refOf(Buffer.from('nobody ever stored this'))

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

/** Stores by the one door, which is the only way in. */
function put(store: BlobStore, bytes: Uint8Array, ref?: BlobRef): Promise<boolean> {
  const door = openDoor(store, () => undefined)
  return door.receive(bytes, ref).then(received => received.isNew)
}

async function list(store: BlobStore, after?: BlobRef): Promise<SizedRef[]> {
  return Array.fromAsync(store.enumerate(after))
}

async function assertHolds(store: BlobStore, blobs: readonly Uint8Array[]): Promise<void> {
  const expected = blobs
    .map(bytes => ({ ref: refOf(bytes), size: bytes.length }))
    .sort((a, b) => (a.ref < b.ref ? -1 : 1))
  assert.deepEqual(await list(store), expected)
  const sizes = await store.stat(blobs.map(refOf))
  assert.deepEqual(
    sizes,
    blobs.map(bytes => bytes.length),
  )
  for (const bytes of blobs) {
    const fetched = await store.fetch(refOf(bytes))
    assert.ok(fetched !== undefined && Buffer.compare(fetched, bytes) === 0, refOf(bytes))
  }
}

const isClosedError = (error: unknown): boolean => isPeerkeepError(error, 'CLOSED')

/**
 * What every BlobStore must do. `open` makes an empty store; a store that lies on a disk is closed
 * and removed by whoever made it.
 */
export function blobStoreSuite(name: string, open: () => Promise<BlobStore>): void {
  describe(`${name} as a store of blobs`, () => {
    contents(open)
    listing(open)
    removal(open)
    concurrency(open)
    lifecycle(open)
  })
}

function contents(open: () => Promise<BlobStore>): void {
  test('an empty store has nothing', async () => {
    await using store = await open()
    assert.equal(await store.fetch(absent), undefined)
    assert.deepEqual(await store.stat([absent, absent]), [undefined, undefined])
    assert.deepEqual(await list(store), [])
  })

  test('what was added is there; a second time it is not new', async () => {
    await using store = await open()
    const blob = bytesOf('hello')
    assert.equal(await put(store, blob), true)
    assert.equal(await put(store, bytesOf('hello')), false)
    await assertHolds(store, [blob])
  })

  test('the empty blob, the largest blob, and any between', async () => {
    await using store = await open()
    const largest = new Uint8Array(BLOB_SIZE_MAX).fill(1)
    const blobs = [new Uint8Array(0), largest, bytesOf('a'), new Uint8Array(70_000).fill(2)]
    for (const blob of blobs) assert.equal(await put(store, blob), true)
    await assertHolds(store, blobs)
  })

  test('content that looks like a record of the store is only content', async () => {
    await using store = await open()
    const inner = bytesOf('inner')
    const outer = bytesOf(`[${refOf(inner)} 5]inner[${refOf(inner)} 5]inner`)
    await put(store, outer)
    await assertHolds(store, [outer])
    assert.equal(await store.fetch(refOf(inner)), undefined)
  })

  test('blobs named by sha1 and sha256 keep their names', async () => {
    await using store = await open()
    const bytes = bytesOf('named as others do')
    const refs = ['sha1', 'sha256'].map(type => parseBlobRef(`${type}-${hash(type, bytes, 'hex')}`))
    for (const ref of refs) assert.equal(await put(store, bytes, ref), true)
    for (const ref of refs)
      assert.deepEqual(Buffer.from((await store.fetch(ref)) ?? []), Buffer.from(bytes))
    assert.equal(await store.fetch(refOf(bytes)), undefined)
    assert.deepEqual(
      (await list(store)).map(({ ref }) => ref),
      refs,
    )
  })

  test('stat answers in the order asked, repetitions and absences included', async () => {
    await using store = await open()
    await put(store, bytesOf('one'))
    await put(store, bytesOf('three'))
    const [one, three] = [refOf(bytesOf('one')), refOf(bytesOf('three'))]
    assert.deepEqual(await store.stat([three, absent, one, three]), [5, undefined, 3, 5])
    assert.deepEqual(await store.stat([]), [])
  })
}

function listing(open: () => Promise<BlobStore>): void {
  test('enumerating in pages of any size meets every blob once, in order', async () => {
    const blobs = Array.from({ length: 50 }, (_, i) => bytesOf(`blob ${i}`))
    await using store = await open()
    await Promise.all(blobs.map(blob => put(store, blob)))
    const whole = await list(store)
    assert.deepEqual(
      whole.map(({ ref }) => ref),
      blobs.map(refOf).sort(),
    )
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async pageSize => {
      const met: SizedRef[] = []
      for (;;) {
        const page: SizedRef[] = []
        for await (const blob of store.enumerate(met.at(-1)?.ref)) {
          page.push(blob)
          if (page.length === pageSize) break
        }
        if (page.length === 0) break
        met.push(...page)
      }
      assert.deepEqual(met, whole)
    })
    await fc.assert(property, { numRuns: 10 })
  })

  test('it begins behind a ref that is not here, and after the last there is nothing', async () => {
    await using store = await open()
    await put(store, bytesOf('a'))
    const ref = refOf(bytesOf('a'))
    const before = `sha224-${'0'.repeat(56)}` as BlobRef
    assert.deepEqual(await list(store, before), [{ ref, size: 1 }])
    assert.deepEqual(await list(store, ref), [])
    assert.deepEqual(await list(store, `sha256-${'0'.repeat(64)}` as BlobRef), [])
  })

  test('what is added and removed meanwhile hides and repeats nothing else', async () => {
    await using store = await open()
    const blobs = Array.from({ length: 40 }, (_, i) => bytesOf(`stays ${i}`))
    const goes = bytesOf('goes')
    for (const blob of [...blobs, goes]) await put(store, blob)
    const met: string[] = []
    for await (const { ref } of store.enumerate()) {
      met.push(ref)
      if (met.length === 10) await store.remove([refOf(goes)])
      if (met.length % 5 === 0) await put(store, bytesOf(`comes ${met.length}`))
    }
    const stayed = blobs.map(refOf).sort()
    assert.deepEqual(
      met.filter(ref => stayed.includes(ref as BlobRef)),
      stayed,
    )
    assert.deepEqual(met, [...new Set(met)].sort())
  })
}

function removal(open: () => Promise<BlobStore>): void {
  test('what was removed is gone, and comes back when it is added again', async () => {
    await using store = await open()
    const [kept, gone] = [bytesOf('kept'), bytesOf('gone')]
    await put(store, kept)
    await put(store, gone)
    await store.remove([refOf(gone), absent, refOf(gone)])
    await assertHolds(store, [kept])
    assert.equal(await store.fetch(refOf(gone)), undefined)
    assert.deepEqual(await store.stat([refOf(gone)]), [undefined])
    assert.equal(await put(store, gone), true)
    await assertHolds(store, [kept, gone])
  })

  test('removing nothing, or what was never here, is no failure', async () => {
    await using store = await open()
    await store.remove([])
    await store.remove([absent])
    assert.deepEqual(await list(store), [])
  })

  test('any sequence of adds and removals leaves what a set would hold', async () => {
    const step = fc.record({ isAdd: fc.boolean(), which: fc.nat({ max: 7 }) })
    const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
      await using store = await open()
      const model = new Map<string, Uint8Array>()
      for (const { isAdd, which } of steps) {
        const blob = bytesOf(`blob number ${which}`)
        const isNew = !model.has(refOf(blob))
        if (isAdd) assert.equal(await put(store, blob), isNew)
        else await store.remove([refOf(blob)])
        if (isAdd) model.set(refOf(blob), blob)
        else model.delete(refOf(blob))
      }
      await assertHolds(store, [...model.values()])
    })
    await fc.assert(property, { numRuns: 15 })
  })
}

function concurrency(open: () => Promise<BlobStore>): void {
  test('many adds at once are all kept', async () => {
    await using store = await open()
    const blobs = Array.from({ length: 300 }, (_, i) => bytesOf(`blob ${i} ${'x'.repeat(i)}`))
    const isNew = await Promise.all(blobs.map(blob => put(store, blob)))
    assert.ok(isNew.every(Boolean))
    await assertHolds(store, blobs)
  })

  test('of adds of one blob at once exactly one is new', async () => {
    await using store = await open()
    const blob = bytesOf('wanted by many')
    const isNew = await Promise.all(Array.from({ length: 20 }, () => put(store, blob)))
    assert.equal(isNew.filter(Boolean).length, 1)
    await assertHolds(store, [blob])
  })

  test('a removal amid adds takes away nothing but what it names', async () => {
    await using store = await open()
    const blobs = Array.from({ length: 60 }, (_, i) => bytesOf(`blob ${i}`))
    const [gone, kept] = [blobs.slice(0, 20), blobs.slice(20)]
    await Promise.all(gone.map(blob => put(store, blob)))
    await Promise.all([...kept.map(blob => put(store, blob)), store.remove(gone.map(refOf))])
    await assertHolds(store, kept)
  })

  test('reads beside writes see a blob whole or not at all', async () => {
    await using store = await open()
    const blobs = Array.from({ length: 50 }, (_, i) => new Uint8Array(5000 + i).fill(i))
    const reads = blobs.map(async blob => {
      const adding = put(store, blob)
      const early = await store.fetch(refOf(blob))
      assert.ok(early === undefined || Buffer.compare(early, blob) === 0)
      await adding
      assert.deepEqual(await store.stat([refOf(blob)]), [blob.length])
    })
    await Promise.all(reads)
  })
}

function lifecycle(open: () => Promise<BlobStore>): void {
  test('closing waits for what runs, and what it acknowledged was done', async () => {
    const store = await open()
    const adding = Array.from({ length: 20 }, (_, i) => put(store, bytesOf(`late ${i}`)))
    const closing = store.close()
    const outcomes = await Promise.allSettled(adding)
    await closing
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') assert.equal(outcome.value, true)
      else assert.ok(isClosedError(outcome.reason), String(outcome.reason))
    }
  })

  test('a closing store refuses new work at once', async () => {
    const store = await open()
    const closing = store.close()
    await assert.rejects(put(store, bytesOf('too late')), isClosedError)
    await closing
  })

  test('a closed store refuses everything; closing again is no failure', async () => {
    const store = await open()
    await put(store, bytesOf('a'))
    await store.close()
    await store.close()
    await store[Symbol.asyncDispose]()
    await assert.rejects(put(store, bytesOf('b')), isClosedError)
    await assert.rejects(store.fetch(absent), isClosedError)
    await assert.rejects(store.stat([absent]), isClosedError)
    await assert.rejects(store.remove([absent]), isClosedError)
    await assert.rejects(list(store), isClosedError)
  })

  test('closing while an enumeration runs ends it, in order or with CLOSED', async () => {
    const store = await open()
    for (let i = 0; i < 10; i++) await put(store, bytesOf(`blob ${i}`))
    const met: string[] = []
    const walk = (async () => {
      for await (const { ref } of store.enumerate()) {
        met.push(ref)
        if (met.length === 3) void store.close()
      }
    })()
    await walk.catch((error: unknown) => assert.ok(isClosedError(error), String(error)))
    await store.close()
    assert.ok(met.length >= 3)
    assert.deepEqual(met, [...met].sort())
  })
}
