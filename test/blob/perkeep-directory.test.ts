import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { parseBlobRef, refOf } from '../../src/blob/ref.ts'
import { suiteClassify } from '../contract/schema-log.ts'
import { packPath, perkeepDeleted, perkeepRecord } from './perkeep-packs.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'peerkeep-perkeep-'))
})
afterEach(() => rm(directory, { recursive: true }))

const openStore = (): Promise<PackStore> =>
  openPackStore({
    directory,
    files: nodeFiles,
    rows: openMemoryKeyValue(),
    classify: suiteClassify,
    random: systemRandom,
    log: silentLog,
  })

/** Reads a pack as Perkeep writes it, sharing nothing with the code under test. */
function parsePack(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const close = bytes.indexOf(']', at)
    const [name = '', size = ''] = bytes.toString('latin1', at + 1, close).split(' ')
    assert.equal(bytes[at], 0x5b)
    const end = close + 1 + Number(size)
    const payload = bytes.subarray(close + 1, end)
    assert.ok(end <= bytes.length)
    if (!/^x+-0+$/.test(name)) {
      const [hashName = '', digest] = name.split('-')
      assert.equal(hash(hashName, payload, 'hex'), digest)
      found.set(name, payload.toString())
    }
    at = end
  }
  return found
}

test('a directory that Perkeep wrote is read in place: old hashes, deleted records, a torn end', async () => {
  const sha1Ref = parseBlobRef(`sha1-${hash('sha1', 'from the old days', 'hex')}`)
  const images = [
    [perkeepRecord('from the old days', 'sha1'), perkeepDeleted('gone', 'sha1')],
    [perkeepRecord('{schema}'), perkeepDeleted('gone too'), perkeepRecord('data')],
    [perkeepRecord('last'), perkeepRecord('torn away').subarray(0, 70)],
  ].map(records => Buffer.concat(records))
  for (const [pack, image] of images.entries()) await writeFile(packPath(directory, pack), image)

  await using store = await openStore()
  const texts = ['{schema}', 'data', 'last']
  const expected = [sha1Ref, ...texts.map(text => refOf(Buffer.from(text)))]
  const listed = await Array.fromAsync(store.enumerate())
  assert.deepEqual(
    listed.map(({ ref }) => ref),
    expected.toSorted(),
  )
  assert.equal(String(Buffer.from((await store.fetch(sha1Ref)) ?? [])), 'from the old days')
  for (const text of texts) {
    const bytes = await store.fetch(refOf(Buffer.from(text)))
    assert.equal(String(Buffer.from(bytes ?? [])), text)
  }
  const log = await Array.fromAsync(store.readLog())
  assert.deepEqual(
    log.map(({ ref }) => ref),
    [refOf(Buffer.from('{schema}'))],
  )
  // Somebody else's files: reading them changes no byte.
  for (const [pack, image] of images.entries()) {
    assert.ok(image.equals(await readFile(packPath(directory, pack))))
  }
})

test('what we write parses as Perkeep would parse it, removals included', async () => {
  const store = await openStore()
  const door = openDoor(store, () => undefined)
  const texts = ['{a}', 'data', '', '{b}', 'removed', '{removed}']
  for (const text of texts) await door.receive(Buffer.from(text))
  await store.remove(['removed', '{removed}'].map(text => refOf(Buffer.from(text))))
  await store.close()
  for (const [side, expected] of [
    ['meta', ['{a}', '{b}']],
    ['data', ['data', '']],
  ] as const) {
    const names = (await readdir(join(directory, side))).filter(name => name.endsWith('.blobs'))
    assert.deepEqual(names, ['pack-00000.blobs'])
    const found = parsePack(await readFile(packPath(join(directory, side), 0)))
    assert.deepEqual([...found.values()], expected)
    for (const [ref, text] of found) assert.equal(ref, refOf(Buffer.from(text)))
  }
})
