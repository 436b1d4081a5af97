import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { after, beforeEach, test } from 'node:test'

import { type Clock, systemClock } from '../../src/base/clock.ts'
import { type ErrorCode, isPeerkeepError } from '../../src/base/errors.ts'
import { systemRandom } from '../../src/base/random.ts'
import {
  BLOB_SIZE_MAX,
  S3_ATTEMPTS_MAX,
  S3_CLOSE_MS,
  S3_HEAD_FIRST_BYTES,
  S3_REQUESTS_MAX,
} from '../../src/blob/limits.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { type Bucket, type BucketOptions, openBucket } from '../../src/blob/s3-bucket.ts'
import { openS3Store } from '../../src/blob/s3-store.ts'
import type { BlobStore } from '../../src/blob/store.ts'
import { openSimClock } from '../sim/sim-clock.ts'
import { openS3Double } from './double.ts'
import { S3Refusal } from './double-errors.ts'
import type { DoubleRequest, Habits } from './double-requests.ts'

const double = await openS3Double()
after(() => double.close())

const prefix = 'perkeep/blobs/'
const name = 'photos'
const credentials = { accessKeyId: double.accessKeyId, secretAccessKey: double.secretAccessKey }
const options: BucketOptions = {
  bucket: name,
  endpoint: double.endpoint,
  region: 'us-east-1',
  credentials,
}
const usual: Habits = { ...double.habits }

beforeEach(() => {
  double.empty(name)
  Object.assign(double.habits, usual)
  double.fault = undefined
  double.clockAheadMs = 0
  double.log.length = 0
})

/** Nobody waits for it: pauses between attempts are over at once. */
const hastyClock: Clock = {
  ...systemClock,
  after(_, action) {
    const timer = setImmediate(action)
    return () => clearImmediate(timer)
  },
}

async function open(bucket: BucketOptions = options, clock = hastyClock): Promise<BlobStore> {
  return openS3Store({ bucket: await openBucket(bucket), prefix, clock, random: systemRandom })
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

async function put(store: BlobStore, bytes: Uint8Array | string): Promise<boolean> {
  const blob = typeof bytes === 'string' ? bytesOf(bytes) : bytes
  return (await openDoor(store, () => undefined).receive(blob)).isNew
}

/** An object from somebody else. */
function putObject(key: string, body: string): void {
  double.put(name, key, bytesOf(body))
}

const keyOf = (text: string): string => prefix + refOf(bytesOf(text))

async function refsOf(store: BlobStore, from?: BlobRef): Promise<string[]> {
  return (await Array.fromAsync(store.enumerate(from))).map(({ ref }) => ref)
}

async function assertFetches(store: BlobStore, text: string): Promise<void> {
  const bytes = await store.fetch(refOf(bytesOf(text)))
  assert.equal(bytes && Buffer.from(bytes).toString(), text)
}

const fails =
  (code: ErrorCode, says: RegExp) =>
  (error: unknown): boolean =>
    isPeerkeepError(error, code) && says.test(error.message)

/** Faults for the next requests of a method, then none. */
function faultsOf(
  method: string,
  ...faults: NonNullable<ReturnType<NonNullable<typeof double.fault>>>[]
): void {
  double.fault = request => (request.method === method ? faults.shift() : undefined)
}

const putsOf = (): string[] => double.log.filter(line => line.startsWith('PUT '))

test('objects are named as Perkeep names them, and what Perkeep put there is read', async () => {
  await using store = await open()
  await put(store, 'foo')
  const key = `${prefix}sha224-0808f64e60d58979fcb676c96ec938270dea42445aeefcd3a4e6f8db`
  assert.deepEqual(Buffer.from(double.object(name, key) ?? ''), Buffer.from('foo'))
  const old = `sha1-${hash('sha1', 'old', 'hex')}`
  putObject(prefix + old, 'old')
  for (const other of [
    'sha224-',
    'sha1',
    'shadow',
    'packed/sha1-1',
    '',
    `sha224/${old}`,
    `${old}0`,
  ])
    putObject(prefix + other, 'foreign')
  putObject(old, 'beside the prefix')
  assert.deepEqual(await refsOf(store), [old, refOf(bytesOf('foo'))])
  assert.deepEqual(await refsOf(store, old as BlobRef), [refOf(bytesOf('foo'))])
  const fetched = await store.fetch(old as BlobRef)
  assert.equal(Buffer.from(fetched ?? '').toString(), 'old')
})

test('more blobs than fit in a page are all listed, in order', async () => {
  await using store = await open()
  const texts = Array.from({ length: 2300 }, (_, i) => `blob ${i}`)
  for (const text of texts) putObject(keyOf(text), text)
  const refs = texts.map(text => refOf(bytesOf(text))).sort()
  assert.deepEqual(await refsOf(store), refs)
  assert.deepEqual(await refsOf(store, refs[1499]), refs.slice(1500))
})

for (const conditionalPut of ['kept', 'ignored', 'unsupported'] as const) {
  test(`what is there is not sent again to a server where conditions are ${conditionalPut}`, async () => {
    double.habits.conditionalPut = conditionalPut
    await using store = await open()
    const large = new Uint8Array(S3_HEAD_FIRST_BYTES).fill(7)
    assert.equal(await put(store, 'first'), true)
    assert.equal(await put(store, 'second'), true)
    assert.equal(await put(store, large), true)
    double.log.length = 0
    for (const blob of ['first', 'second', large]) assert.equal(await put(store, blob), false)
    // A small one is sent in vain, to a server that is known to pass it over: one request instead of two.
    const inVain = conditionalPut === 'kept' ? 2 : 0
    assert.equal(putsOf().length, inVain)
    assert.equal(await put(store, 'third'), true)
    await assertFetches(store, 'third')
  })
}

test('a new blob is one request, once the server was tried out', async () => {
  await using store = await open()
  await put(store, 'first')
  double.log.length = 0
  for (const text of ['second', 'third']) assert.equal(await put(store, text), true)
  assert.deepEqual(double.log, [`PUT ${name}/${keyOf('second')}`, `PUT ${name}/${keyOf('third')}`])
})

test('what passes is tried again: overload, failures, lost connections, lost answers', async () => {
  await using store = await open()
  await put(store, 'before')
  faultsOf('PUT', 'slow-down', 'internal', 'reset', new S3Refusal(400, 'BadDigest'))
  assert.equal(await put(store, 'foo'), true)
  // Stored, but nobody said so: the second attempt meets the first one's object.
  faultsOf('PUT', 'reset-after')
  assert.equal(await put(store, 'answer lost'), true)
  faultsOf('GET', 'cut', 'reset', 'slow-down')
  await assertFetches(store, 'answer lost')
  faultsOf('GET', 'cut', 'internal')
  assert.equal((await refsOf(store)).length, 3)
  faultsOf('POST', 'reset-after', 'slow-down')
  await store.remove([refOf(bytesOf('foo'))])
  assert.equal((await refsOf(store)).length, 2)
})

test('what does not pass is not tried again', async () => {
  await using store = await open()
  await put(store, 'before')
  for (const refusal of [
    new S3Refusal(501, 'NotImplemented'),
    new S3Refusal(400, 'InvalidStorageClass'),
    new S3Refusal(403, 'AccessDenied'),
  ]) {
    double.log.length = 0
    faultsOf('GET', refusal)
    await assert.rejects(store.fetch(refOf(bytesOf('before'))))
    assert.equal(double.log.length, 1)
  }
})

test('a server that stays overloaded is given up, and the error says so', async () => {
  await using store = await open()
  double.log.length = 0
  double.fault = () => 'slow-down'
  await assert.rejects(put(store, 'foo'), fails('STORE_UNREACHABLE', /overloaded.*503/))
  assert.equal(double.log.length, S3_ATTEMPTS_MAX)
  double.fault = undefined
  assert.equal(await put(store, 'foo'), true)
})

test('what is wrong with an address or its keys is said when it is opened', async () => {
  const { accessKeyId, secretAccessKey } = credentials
  const wrong: readonly (readonly [BucketOptions, ErrorCode, RegExp])[] = [
    [{ ...options, bucket: 'fotos' }, 'NOT_FOUND', /no bucket fotos at http.*make it/],
    [
      { ...options, credentials: { accessKeyId, secretAccessKey: 'wrong' } },
      'STORE_REFUSED',
      /secret key is wrong.*AWS_SECRET_ACCESS_KEY/,
    ],
    [
      { ...options, credentials: { accessKeyId: 'wrong', secretAccessKey } },
      'STORE_REFUSED',
      /does not know the access key.*AWS_ACCESS_KEY_ID/,
    ],
    [{ ...options, endpoint: await deadEndpoint() }, 'STORE_UNREACHABLE', /ECONNREFUSED.*Check/],
  ]
  for (const endpoint of ['s3.example.org', 'ftp://s3.example.org', ''])
    await assert.rejects(openBucket({ ...options, endpoint }), fails('BAD_CONFIG', /https:/))
  for (const [bucket, code, says] of wrong) await assert.rejects(open(bucket), fails(code, says))
  double.fault = () => new S3Refusal(403, 'AccessDenied')
  await assert.rejects(open(), fails('STORE_REFUSED', /does not let these credentials.*list/))
  double.fault = undefined
  await using store = await open()
  double.fault = () => new S3Refusal(403, 'ExpiredToken')
  const stat = store.stat([refOf(bytesOf('foo'))])
  await assert.rejects(stat, fails('STORE_REFUSED', /session.*is over/))
  double.fault = () => new S3Refusal(301, 'PermanentRedirect', 'use eu-west-1')
  await assert.rejects(open(), fails('BAD_CONFIG', /another region.*AWS_REGION/))
})

async function deadEndpoint(): Promise<string> {
  const other = await openS3Double()
  await other.close()
  return other.endpoint
}

test('a full account says that there is no room', async () => {
  await using store = await open()
  faultsOf('PUT', new S3Refusal(403, 'QuotaExceeded'))
  await assert.rejects(put(store, 'foo'), fails('DISK_FULL', /quota/))
})

test('a clock that is an hour off is corrected from the answer', async () => {
  await using store = await open()
  double.clockAheadMs = 3_600_000
  assert.equal(await put(store, 'foo'), true)
  await assertFetches(store, 'foo')
})

test('what is not what its name says is set aside, and can be stored again', async () => {
  await using store = await open()
  const ref = refOf(bytesOf('foo'))
  for (const wrong of [bytesOf('fOo'), bytesOf(''), new Uint8Array(BLOB_SIZE_MAX + 1)]) {
    await put(store, 'foo')
    double.put(name, keyOf('foo'), wrong)
    const says = new RegExp(`damaged/${ref}`)
    const room = (bytes: number): Uint8Array =>
      bytes > BLOB_SIZE_MAX ? assert.fail('too large to be read') : new Uint8Array(bytes)
    await assert.rejects(store.fetch(ref, room), fails('BLOB_DAMAGED', says))
    assert.equal(double.object(name, `${prefix}damaged/${ref}`)?.length, wrong.length)
    assert.equal(await store.fetch(ref), undefined)
    assert.deepEqual(await store.stat([ref]), [undefined])
    assert.deepEqual(await refsOf(store), [])
  }
  assert.equal(await put(store, 'foo'), true)
  await assertFetches(store, 'foo')
  await store.remove([ref])
  assert.equal(double.object(name, `${prefix}damaged/${ref}`), undefined)
})

test('an object of the wrong size is no reason not to store the blob', async () => {
  await using store = await open()
  await put(store, 'first')
  putObject(keyOf('foo'), 'fo')
  assert.equal(await put(store, 'foo'), true)
  await assertFetches(store, 'foo')
})

test('a thousand and more are removed, from a server that wants Content-MD5', async () => {
  double.habits.needsDeleteMd5 = true
  await using store = await open()
  const texts = Array.from({ length: 1200 }, (_, i) => `blob ${i}`)
  for (const text of [...texts, 'kept']) putObject(keyOf(text), text)
  await store.remove(texts.map(text => refOf(bytesOf(text))))
  assert.deepEqual(await refsOf(store), [refOf(bytesOf('kept'))])
})

test('many at once share a bounded number of connections', async () => {
  await using store = await open()
  let most = 0
  let running = 0
  const count = (request: DoubleRequest): undefined => {
    if (request.method !== 'PUT') return undefined
    running++
    most = Math.max(most, running)
    setImmediate(() => running--)
    return undefined
  }
  double.fault = count
  const texts = Array.from({ length: 100 }, (_, i) => `blob ${i}`)
  await Promise.all(texts.map(text => put(store, text)))
  assert.ok(most > 1)
  assert.ok((await double.connections()) <= S3_REQUESTS_MAX + 1)
  assert.equal((await refsOf(store)).length, 100)
})

test('closing ends a pause between attempts at once', async () => {
  const clock = openSimClock()
  const store = await open(options, clock)
  const failed = Promise.withResolvers<void>()
  double.fault = () => {
    failed.resolve()
    return 'slow-down'
  }
  const adding = assert.rejects(put(store, 'foo'), fails('CLOSED', /closed/))
  await failed.promise
  while (clock.pending === 0) await new Promise(setImmediate)
  await store.close()
  await adding
  assert.equal(clock.pending, 0)
})

for (const fault of ['hang', 'stall'] as const) {
  test(`closing cuts off what the server does not answer, after a while: ${fault}`, async () => {
    const clock = openSimClock()
    const store = await open(options, clock)
    await put(store, 'foo')
    const asked = Promise.withResolvers<void>()
    double.fault = () => {
      asked.resolve()
      return fault
    }
    const room = (bytes: number): Uint8Array => {
      reading.resolve()
      return new Uint8Array(bytes)
    }
    const reading = fault === 'stall' ? Promise.withResolvers<void>() : asked
    const fetching = assert.rejects(
      store.fetch(refOf(bytesOf('foo')), room),
      fails('CLOSED', /closed/),
    )
    await asked.promise
    await reading.promise
    const closing = store.close()
    let isClosed = false
    void closing.then(() => (isClosed = true))
    await clock.advance(S3_CLOSE_MS - 1)
    assert.equal(isClosed, false)
    await clock.advance(1)
    await fetching
    await closing
  })
}

/** A bucket that lists what it is told to, whatever was asked. */
async function openListing(pages: readonly (readonly string[])[]): Promise<BlobStore> {
  const bucket = await openBucket(options)
  const left = [...pages]
  const listing: Bucket = {
    ...bucket,
    async list({ keysMax }) {
      const page = keysMax === 1 ? [] : (left.shift() ?? [])
      return { objects: page.map(key => ({ key, size: 1 })), hasMore: left.length > 0 }
    },
  }
  return openS3Store({ bucket: listing, prefix: '', clock: hastyClock, random: systemRandom })
}

test('a list that is in no order, or never ends, is an error and not a wrong answer', async () => {
  for (const pages of [
    [['sha2'], ['sha1']],
    [['sha1', 'sha1']],
    [['sha1'], ['sha1'], ['sha1']],
    [['sha1'], [], []],
  ]) {
    await using store = await openListing(pages)
    await assert.rejects(refsOf(store), fails('IO', /order/))
  }
})
