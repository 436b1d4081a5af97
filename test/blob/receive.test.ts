import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'

import { PeerkeepError, isPeerkeepError } from '../../src/base/errors.ts'
import { BLOB_SIZE_MAX } from '../../src/blob/limits.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { type Door, openDoor } from '../../src/blob/receive.ts'
import { parseBlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobStore } from '../../src/blob/store.ts'

interface House {
  readonly store: BlobStore
  readonly door: Door
  /** Refs that the door told of. */
  readonly told: string[]
}

function openHouse(): House {
  const store = openMemoryStore({ classify: () => 'data' })
  const told: string[] = []
  return { store, told, door: openDoor(store, ref => told.push(ref)) }
}

const bytes = new Uint8Array(Buffer.from('hello'))

test('bytes get their name, are stored, and are told of once', async () => {
  const { store, door, told } = openHouse()
  const ref = refOf(bytes)
  assert.deepEqual(await door.receive(bytes), { ref, size: 5, isNew: true })
  assert.deepEqual(await door.receive(bytes, ref), { ref, size: 5, isNew: false })
  assert.deepEqual(await store.fetch(ref), bytes)
  assert.deepEqual(told, [ref])
})

test('every known hash is held against the bytes, and the name stays', async () => {
  for (const hashName of ['sha1', 'sha224', 'sha256']) {
    const { store, door } = openHouse()
    const ref = parseBlobRef(`${hashName}-${hash(hashName, bytes, 'hex')}`)
    assert.equal((await door.receive(bytes, ref)).ref, ref)
    assert.deepEqual(await store.stat([ref]), [5])
  }
})

test('bytes under a wrong name are refused: nothing is stored, nobody told', async () => {
  for (const hashName of ['sha1', 'sha224', 'sha256']) {
    const { store, door, told } = openHouse()
    const ref = parseBlobRef(`${hashName}-${hash(hashName, 'other', 'hex')}`)
    const isMismatch = (error: unknown): boolean => isPeerkeepError(error, 'DIGEST_MISMATCH')
    await assert.rejects(door.receive(bytes, ref), isMismatch)
    assert.deepEqual(await Array.fromAsync(store.enumerate()), [])
    assert.deepEqual(told, [])
  }
})

test('16 MiB are a blob, one byte more is none', async () => {
  const { store, door, told } = openHouse()
  const isTooLarge = (error: unknown): boolean => isPeerkeepError(error, 'BLOB_TOO_LARGE')
  await assert.rejects(door.receive(new Uint8Array(BLOB_SIZE_MAX + 1)), isTooLarge)
  assert.deepEqual(await Array.fromAsync(store.enumerate()), [])
  assert.equal((await door.receive(new Uint8Array(BLOB_SIZE_MAX))).size, BLOB_SIZE_MAX)
  assert.equal(told.length, 1)
})

test('who brings a blob is answered after it was told of, never before it is durable', async () => {
  const events: string[] = []
  const durable = Promise.withResolvers<boolean>()
  const store = { ...openMemoryStore({ classify: () => 'data' }), add: () => durable.promise }
  const door = openDoor(store, () => events.push('told'))
  const receiving = door.receive(bytes).then(() => events.push('answered'))
  events.push('durable')
  durable.resolve(true)
  await receiving
  assert.deepEqual(events, ['durable', 'told', 'answered'])
})

test('a store that fails is told of to the one who brought the blob, and to nobody else', async () => {
  const failure = new PeerkeepError('DISK_FULL', 'no room')
  const told: string[] = []
  const store = {
    ...openMemoryStore({ classify: () => 'data' }),
    add: () => Promise.reject(failure),
  }
  await assert.rejects(
    openDoor(store, ref => told.push(ref)).receive(bytes),
    error => error === failure,
  )
  assert.deepEqual(told, [])
})
