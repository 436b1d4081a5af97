import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runWorld } from './run-world.ts'

/** One seed by `WORLD_SEED=123`, else as many as there is time for. */
const only = process.env['WORLD_SEED']
const count = process.env['SLOW'] === '1' ? 10_000 : 300
const first = only === undefined ? 1 : Number(only)
const last = only === undefined ? count : first

test('whatever happens between devices, all that can talk end equal, and nothing acknowledged is lost', async () => {
  for (let seed = first; seed <= last; seed += 1) {
    await runWorld(seed).catch((error: unknown) => {
      throw new Error(`WORLD_SEED=${seed} shows it again`, { cause: error })
    })
  }
})

test('a seed replays exactly', async () => {
  for (const seed of [7, 77]) assert.equal(await runWorld(seed), await runWorld(seed))
})
