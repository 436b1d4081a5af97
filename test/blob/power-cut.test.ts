import assert from 'node:assert/strict'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { openPackStore } from '../../src/blob/pack-store.ts'
import { openLogKeyValue } from '../sim/log-key-value.ts'
import { openSimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'
import type { ProcessFiles } from './power-cut-process.ts'
import { indexDirectory, runPowerCuts } from './power-cut-run.ts'

const seeds = process.env['SLOW'] === '1' ? 20_000 : 1000

type SkipSync = (path: string) => boolean

/** Some packs end after a few blobs, so that there are several to compact. */
const packSizes = [200, 700, undefined]

async function openStore(files: ProcessFiles, seed: number): ReturnType<typeof openPackStore> {
  return openPackStore({
    directory: '/home/blobs',
    files,
    rows: await openLogKeyValue(files, indexDirectory),
    classify: bytes => (bytes[0] === 0x7b ? 'meta' : 'data'),
    random: openSimRandom(seed),
    log: silentLog,
    packSizeMax: packSizes[seed % packSizes.length],
  })
}

async function runSeed(seed: number, skipSync: SkipSync = () => false): Promise<void> {
  const random = openSimRandom(seed)
  const disk = openSimFiles({ random, skipSync })
  try {
    await runPowerCuts({ disk, random, open: files => openStore(files, seed) })
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error })
  }
}

test(`nothing acknowledged is lost, nothing removed comes back, compacted or not: ${seeds} seeds`, async () => {
  for (let seed = 0; seed < seeds; seed++) await runSeed(seed)
})

const kindsOfSync: readonly (readonly [string, SkipSync])[] = [
  ['packs', path => path.endsWith('.blobs')],
  ['names of packs', path => path.endsWith('/data') || path.endsWith('/meta')],
  ['index', path => path.startsWith(`${indexDirectory}/`)],
]

for (const [name, skipSync] of kindsOfSync) {
  test(`a disk that does not sync the ${name} loses or revives a blob`, async () => {
    await assert.rejects(async () => {
      for (let seed = 0; seed < seeds; seed++) await runSeed(seed, skipSync)
    }, /^Error: seed /)
  })
}
