import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { replaceFile } from '../../src/base/files.ts'
import type { KeyValue } from '../../src/base/key-value.ts'
import { openLogKeyValue } from './log-key-value.ts'
import { openSimFiles, type SimFiles, type SimFilesOptions } from './sim-files.ts'
import { openSimRandom } from './sim-random.ts'

const seeds = Array.from({ length: 300 }, (_, seed) => seed)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What was found for at least one seed, after `work` and a power cut. */
async function outcomes(
  work: (files: SimFiles) => Promise<void>,
  look: (files: SimFiles) => Promise<unknown>,
  options: SimFilesOptions = {},
): Promise<Set<string>> {
  const found = new Set<string>()
  for (const seed of seeds) {
    const files = openSimFiles(options)
    await files.makeDirectory('/d')
    await work(files)
    found.add(String(await look(files.powerCut(openSimRandom(seed)))))
  }
  return found
}

const contentOf =
  (path: string) =>
  async (files: SimFiles): Promise<string> => {
    const content = await files.readFile(path)
    return content === undefined ? 'none' : new TextDecoder().decode(content)
  }

async function writeFile(files: SimFiles, path: string, text: string): Promise<void> {
  const file = (await files.open(path, 'update')) ?? (await files.open(path, 'create'))
  await file.write([bytes(text)], 0)
  await file.sync()
  await files.syncDirectory('/d')
  await file.close()
}

test('what is synced, name and content, always survives', async () => {
  const found = await outcomes(files => writeFile(files, '/d/a', 'kept'), contentOf('/d/a'))
  assert.deepEqual([...found], ['kept'])
})

test('a file whose name was never synced vanishes for some seeds', async () => {
  const skipSync = (path: string): boolean => path === '/d'
  const found = await outcomes(files => writeFile(files, '/d/a', 'kept'), contentOf('/d/a'), {
    skipSync,
  })
  assert.deepEqual(found, new Set(['none', 'kept']))
})

test('content that was never synced is lost, torn, or zeros for some seeds', async () => {
  const skipSync = (path: string): boolean => path === '/d/a'
  const found = await outcomes(files => writeFile(files, '/d/a', 'ab'), contentOf('/d/a'), {
    skipSync,
  })
  assert.deepEqual(found, new Set(['', 'a', 'ab', 'a\0', '\0b', '\0\0']))
})

test('of unsynced writes a later one may survive without an earlier one', async () => {
  const found = await outcomes(async files => {
    await writeFile(files, '/d/a', '--')
    const file = await files.open('/d/a', 'update')
    await file?.write([bytes('1')], 0)
    await file?.write([bytes('2')], 1)
  }, contentOf('/d/a'))
  for (const possible of ['--', '1-', '-2', '12']) assert.ok(found.has(possible), possible)
})

test('an unsynced removal may be undone, an unsynced truncation too', async () => {
  const found = await outcomes(async files => {
    await writeFile(files, '/d/a', 'kept')
    await (await files.open('/d/a', 'update'))?.truncate(0)
    await files.remove('/d/a')
  }, contentOf('/d/a'))
  assert.deepEqual(found, new Set(['kept', '', 'none']))
})

test('after an unsynced rename either name, or both, may be there', async () => {
  const found = await outcomes(
    async files => {
      await writeFile(files, '/d/a', 'x')
      await files.rename('/d/a', '/d/b')
    },
    async files => files.list('/d'),
  )
  assert.deepEqual(found, new Set(['a', 'b', 'a,b']))
})

test('a replaced file is the old or the new one; without its sync it may be neither', async () => {
  for (let cut = 1; cut <= 7; cut++) {
    const work = async (files: SimFiles): Promise<void> => {
      await replaceFile(files, '/d/a', bytes('old'))
      files.cutAfter(cut)
      await replaceFile(files, '/d/a', bytes('new')).catch(() => undefined)
    }
    const found = await outcomes(work, contentOf('/d/a'))
    for (const each of found) assert.match(each, /^(old|new)$/)
    const unsynced = await outcomes(work, contentOf('/d/a'), {
      skipSync: (_, kind) => kind === 'syncFile',
    })
    if (cut > 4) assert.ok(unsynced.size > 2, `cut ${cut}`)
  }
})

test('the operation at the cut and all after it fail', async () => {
  const files = openSimFiles()
  await files.makeDirectory('/d')
  files.cutAfter(2)
  const file = await files.open('/d/a', 'create')
  const isIo = (error: unknown): boolean => isPeerkeepError(error, 'IO')
  const first = file.write([bytes('1')], 0)
  const second = file.write([bytes('2')], 1)
  await assert.rejects(first, isIo)
  await assert.rejects(second, isIo)
  await assert.rejects(file.sync(), isIo)
  await assert.rejects(files.list('/d'), isIo)
})

test('a sync covers what was written before it began, and nothing when it failed', async () => {
  const covered = await outcomes(async files => {
    await writeFile(files, '/d/a', '--')
    const file = await files.open('/d/a', 'update')
    await file?.write([bytes('1')], 0)
    const syncing = file?.sync()
    await file?.write([bytes('2')], 1)
    await syncing
  }, contentOf('/d/a'))
  assert.deepEqual(covered, new Set(['1-', '12', '1\0']))
  const failed = await outcomes(async files => {
    await writeFile(files, '/d/a', '-')
    const file = await files.open('/d/a', 'update')
    await file?.write([bytes('1')], 0)
    files.failure = kind => (kind === 'syncFile' ? 'IO' : undefined)
    await assert.rejects(file?.sync() ?? Promise.resolve())
    files.failure = undefined
    await file?.sync()
  }, contentOf('/d/a'))
  // The second sync had nothing left to write, and says so by succeeding.
  assert.deepEqual(failed, new Set(['-']))
})

/** Runs batches until the power goes; answers how many survived and how many had to. */
async function survivingBatches(seed: number, options: SimFilesOptions): Promise<[number, number]> {
  const random = openSimRandom(seed)
  const files = openSimFiles({ ...options, random })
  const rows = await openLogKeyValue(files, '/rows')
  files.cutAfter(1 + random.below(40))
  let durable = 0
  for (let i = 1; !files.isOff; i++) {
    const sync = random.chance(0.3)
    const done = await putPair(rows, i, sync).then(
      () => true,
      () => false,
    )
    if (done && sync) durable = i
  }
  const after = await openLogKeyValue(files.powerCut(random), '/rows')
  return [await wholeBatches(after), durable]
}

async function putPair(rows: KeyValue, i: number, sync: boolean): Promise<void> {
  const key = String(i).padStart(4, '0')
  await rows.batch(
    [
      { type: 'put', key: `a${key}`, value: key },
      { type: 'put', key: `b${key}`, value: key },
    ],
    { sync },
  )
}

/** How many batches are there; fails unless they are the first ones, each whole. */
async function wholeBatches(rows: KeyValue): Promise<number> {
  const all = await Array.fromAsync(rows.scan())
  const count = all.length / 2
  const expected = ['a', 'b'].flatMap(side =>
    Array.from({ length: count }, (_, i) => side + String(i + 1).padStart(4, '0')),
  )
  assert.deepEqual(
    all.map(([key]) => key),
    expected,
  )
  return count
}

test('log: after a power cut the first batches are there whole, all synced ones among them', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), async seed => {
      const [found, durable] = await survivingBatches(seed, {})
      assert.ok(found >= durable, `${found} of ${durable} synced batches`)
    }),
    { numRuns: 500 },
  ))

for (const kind of ['syncFile', 'syncDirectory']) {
  test(`log: without ${kind} synced batches are lost for some seeds`, async () => {
    let lost = 0
    for (const seed of seeds) {
      const skipSync = (_: string, skipped: string): boolean => skipped === kind
      const [found, durable] = await survivingBatches(seed, { skipSync })
      if (found < durable) lost++
    }
    assert.notEqual(lost, 0)
  })
}
