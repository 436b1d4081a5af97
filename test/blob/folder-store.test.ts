import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { isPeerkeepError } from '../../src/base/errors.ts'
import type { FileLayer } from '../../src/base/files.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openFolderStore } from '../../src/blob/folder-store.ts'
import { BLOB_SIZE_MAX, FOLDER_TEMPORARY_AGE_MS } from '../../src/blob/limits.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobStore } from '../../src/blob/store.ts'
import { blobStoreSuite } from '../contract/blob-store.ts'
import { openSimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'

const root = await mkdtemp(join(tmpdir(), 'peerkeep-folder-'))
after(() => rm(root, { recursive: true }))

const directory = '/media/blobs'

async function openOn(files: FileLayer, mayMake = true): Promise<BlobStore> {
  if (mayMake) await files.makeDirectory('/media')
  return openFolderStore({ directory, files, random: systemRandom, clock: systemClock, mayMake })
}

async function openDisk(path?: string): Promise<{ store: BlobStore; path: string }> {
  const made = path ?? join(await mkdtemp(join(root, 'case-')), 'blobs')
  const options = { files: nodeFiles, random: systemRandom, clock: systemClock, mayMake: true }
  return { store: await openFolderStore({ ...options, directory: made }), path: made }
}

blobStoreSuite('a plain folder', () => openOn(openSimFiles({ random: openSimRandom(7) })))
blobStoreSuite('a plain folder on the disk', async () => (await openDisk()).store)

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

async function put(store: BlobStore, text: string): Promise<BlobRef> {
  return (await openDoor(store, () => undefined).receive(bytesOf(text))).ref
}

/** Where Perkeep looks for a blob, worked out anew. */
function perkeepPath(text: string): string {
  const digits = createHash('sha224').update(text).digest('hex')
  return `sha224/${digits.slice(0, 2)}/${digits.slice(2, 4)}/sha224-${digits}.dat`
}

async function refsOf(store: BlobStore, from?: BlobRef): Promise<string[]> {
  return (await Array.fromAsync(store.enumerate(from))).map(({ ref }) => ref)
}

const isDamaged = (error: unknown): boolean => isPeerkeepError(error, 'BLOB_DAMAGED')

test('the files are those that Perkeep makes, for this user only', async () => {
  const { store, path } = await openDisk()
  await put(store, 'foo')
  await store.close()
  const file = join(path, perkeepPath('foo'))
  assert.equal(
    perkeepPath('foo'),
    'sha224/08/08/sha224-0808f64e60d58979fcb676c96ec938270dea42445aeefcd3a4e6f8db.dat',
  )
  assert.equal(await readFile(file, 'utf8'), 'foo')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal((await stat(dirname(file))).mode & 0o777, 0o700)
  assert.deepEqual(await readdir(dirname(file)), [file.slice(dirname(file).length + 1)])
  const [first, second] = (await readFile(join(path, 'GENERATION.dat'), 'utf8')).split('\n')
  assert.match(first ?? '', /^[0-9a-f]{40}$/)
  assert.equal(second, '')
})

test('a folder that Perkeep made is read as it is, foreign things in it passed over', async () => {
  const path = await mkdtemp(join(root, 'case-'))
  const place = async (name: string, content: string): Promise<void> => {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  const old = createHash('sha1').update('old').digest('hex')
  await place(`sha1/${old.slice(0, 2)}/${old.slice(2, 4)}/sha1-${old}.dat`, 'old')
  await place(perkeepPath('foo'), 'foo')
  const foo = refOf(bytesOf('foo'))
  for (const other of ['partition/sha224', 'cache', 'packed', 'sha224/zz', 'sha224/00/00'])
    await place(`${other}/${foo}.dat`, 'foo')
  await place('sha224/11', 'a file where a directory would be')
  await place(`sha224/08/08/${refOf(bytesOf('elsewhere'))}.dat`, 'elsewhere')
  await place(`sha224/08/08/${foo}.dat.tmp123456`, 'fo')
  await place('sha224/08/08/notes.dat', 'mine')
  const { store } = await openDisk(path)
  assert.deepEqual(await Array.fromAsync(store.enumerate()), [
    { ref: `sha1-${old}`, size: 3 },
    { ref: foo, size: 3 },
  ])
  assert.deepEqual(await refsOf(store, `sha1-${old}` as BlobRef), [foo])
  assert.deepEqual(Buffer.from((await store.fetch(foo)) ?? ''), Buffer.from('foo'))
  await store.close()
})

test('what is not what its name says is set aside, and can be stored again', async () => {
  const { store, path } = await openDisk()
  for (const wrong of ['fOo', 'fo', '', 'foo and more']) {
    const ref = await put(store, 'foo')
    const file = join(path, perkeepPath('foo'))
    const generation = await readFile(join(path, 'GENERATION.dat'), 'utf8')
    await writeFile(file, wrong)
    await assert.rejects(
      store.fetch(ref),
      error => isDamaged(error) && String(error).includes(`${file}.damaged`),
    )
    assert.equal(await readFile(`${file}.damaged`, 'utf8'), wrong)
    assert.equal(await store.fetch(ref), undefined)
    assert.deepEqual(await store.stat([ref]), [undefined])
    assert.deepEqual(await refsOf(store), [])
    // Else Perkeep's clients would go on believing that the store has it.
    assert.notEqual(await readFile(join(path, 'GENERATION.dat'), 'utf8'), generation)
  }
  const ref = await put(store, 'foo')
  assert.deepEqual(Buffer.from((await store.fetch(ref)) ?? ''), Buffer.from('foo'))
  await store.remove([ref])
  assert.deepEqual(await readdir(dirname(join(path, perkeepPath('foo')))), [])
  await store.close()
})

test('a file that is too large for a blob is not read', async () => {
  const { store, path } = await openDisk()
  const ref = await put(store, 'foo')
  await truncate(join(path, perkeepPath('foo')), BLOB_SIZE_MAX + 1)
  const room = (bytes: number): Uint8Array => assert.fail(`${bytes} bytes asked for`)
  await assert.rejects(store.fetch(ref, room), isDamaged)
  await store.close()
})

test('what a writer left that was killed before its last sync is durable once it is added again', async () => {
  for (const seed of Array.from({ length: 20 }, (_, i) => i)) {
    let isSyncing = false
    const disk = openSimFiles({ skipSync: () => !isSyncing })
    const killed = await openOn(disk)
    await put(killed, 'foo')
    isSyncing = true
    const store = await openOn(disk)
    assert.equal((await openDoor(store, () => undefined).receive(bytesOf('foo'))).isNew, false)
    const last = await openOn(disk.powerCut(openSimRandom(seed)))
    assert.equal((await last.fetch(refOf(bytesOf('foo'))))?.length, 3)
  }
})

test('a file that was cut short is no reason not to store the blob', async () => {
  const { store, path } = await openDisk()
  const file = join(path, perkeepPath('foo'))
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, '')
  assert.equal((await openDoor(store, () => undefined).receive(bytesOf('foo'))).isNew, true)
  assert.equal(await readFile(file, 'utf8'), 'foo')
  await store.close()
})

test('right bytes that come while wrong ones are being set aside stay', async () => {
  const { store, path } = await openDisk()
  const ref = await put(store, 'foo')
  const file = join(path, perkeepPath('foo'))
  await writeFile(file, 'fxx')
  const answers = await Promise.allSettled(Array.from({ length: 10 }, () => store.fetch(ref)))
  assert.equal(answers.filter(({ status }) => status === 'rejected').length, 1)
  await put(store, 'foo')
  assert.deepEqual(Buffer.from((await store.fetch(ref)) ?? ''), Buffer.from('foo'))
  await store.close()
})

test('a folder below a drive that is not mounted is not made', async () => {
  const files = openSimFiles()
  const options = { directory, files, random: systemRandom, clock: systemClock }
  const isMissing = (error: unknown): boolean => isPeerkeepError(error, 'NOT_FOUND')
  await assert.rejects(openFolderStore({ ...options, mayMake: true }), isMissing)
  await files.makeDirectory('/media')
  await assert.rejects(openFolderStore({ ...options, mayMake: false }), isMissing)
  assert.deepEqual(await files.list('/media'), [])
})

test('a disk that is full says so, leaves nothing behind, and the rest can be used', async () => {
  const files = openSimFiles()
  const store = await openOn(files)
  const ref = await put(store, 'before')
  for (const kind of ['write', 'syncFile', 'rename'] as const) {
    files.failure = failing => (failing === kind ? 'DISK_FULL' : undefined)
    await assert.rejects(put(store, 'foo'), error => isPeerkeepError(error, 'DISK_FULL'))
    files.failure = undefined
    const names = await files.list(dirname(`${directory}/${perkeepPath('foo')}`))
    assert.deepEqual(names, [])
  }
  await put(store, 'foo')
  assert.deepEqual(await refsOf(store), [refOf(bytesOf('foo')), ref].sort())
})

test('files half written by a program that ended go after a day, younger ones stay', async () => {
  let now = 1_700_000_000_000
  const clock = { now: () => now }
  const files = openSimFiles({ clock })
  await files.makeDirectory('/media')
  const open = (): Promise<BlobStore> =>
    openFolderStore({ directory, files, random: systemRandom, clock, mayMake: true })
  const store = await open()
  await put(store, 'foo')
  const leaf = dirname(`${directory}/${perkeepPath('foo')}`)
  const left = `${directory}/${perkeepPath('foo')}.tmp0011223344556677`
  await (await files.open(left, 'create')).close()
  now += FOLDER_TEMPORARY_AGE_MS - 1
  assert.equal((await refsOf(store)).length, 1)
  assert.equal((await files.list(leaf))?.length, 2)
  now += 1
  // Who may not write there still gets the list.
  files.failure = kind => (kind === 'remove' ? 'IO' : undefined)
  assert.equal((await refsOf(store)).length, 1)
  files.failure = undefined
  assert.equal((await refsOf(store)).length, 1)
  assert.equal((await files.list(leaf))?.length, 1)
})

/** Two runs that each end at a power cut; answers which promise was broken. */
async function runPowerCut(
  seed: number,
  skipSync: (path: string, kind: string) => boolean,
): Promise<string | undefined> {
  const random = openSimRandom(seed)
  const texts = Array.from({ length: 8 }, (_, i) => `blob ${i}`)
  const promised = new Map<string, boolean>()

  // Many at once, so that they share syncs.
  const first = openSimFiles({ random, skipSync })
  const adding = await openOn(first)
  first.cutAfter(1 + random.below(120))
  const added = texts.map(text => put(adding, text).then(() => promised.set(text, true)))
  await Promise.allSettled(added)

  // One after the other, so that it is known which was last.
  const second = first.powerCut(random)
  const changing = await openOn(second)
  second.cutAfter(1 + random.below(150))
  for (const text of texts) {
    if (second.isOff || random.chance(0.2)) continue
    const isAdd = random.chance(0.6)
    promised.delete(text)
    const done = isAdd ? put(changing, text) : changing.remove([refOf(bytesOf(text))])
    await done.then(
      () => promised.set(text, isAdd),
      () => undefined,
    )
  }

  const last = await openOn(second.powerCut(random))
  for (const [text, isThere] of promised) {
    const bytes = await last.fetch(refOf(bytesOf(text))).catch(() => undefined)
    if ((bytes !== undefined) !== isThere) return `${text} ${isThere ? 'was lost' : 'came back'}`
  }
  return undefined
}

const seeds = Array.from({ length: process.env['SLOW'] === '1' ? 5000 : 300 }, (_, seed) => seed)

test('what was acknowledged survives a power cut, and nothing removed comes back', async () => {
  for (const seed of seeds)
    assert.equal(await runPowerCut(seed, () => false), undefined, `seed ${seed}`)
})

const kinds: readonly (readonly [string, (path: string, kind: string) => boolean])[] = [
  ['files', (_, kind) => kind === 'syncFile'],
  ['names of blobs', path => /\/[0-9a-f]{2}\/[0-9a-f]{2}$/.test(path)],
]
for (const [name, skipSync] of kinds) {
  test(`a disk that does not sync the ${name} breaks a promise`, async () => {
    const found = new Set<string | undefined>()
    for (const seed of seeds) found.add(await runPowerCut(seed, skipSync))
    assert.ok([...found].some(text => text?.includes('lost')))
  })
}
