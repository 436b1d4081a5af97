import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { runWorld } from './run-world.ts'

/** One seed by `WORLD_SEED=123`, else as many as there is time for. */
const only = process.env['WORLD_SEED']
const count = process.env['SLOW'] === '1' ? 10_000 : 300

/** Worlds run beside each other: as many as the smallest machine has processors. */
const THREADS = 2

test('whatever happens between devices, all that can talk end equal, and nothing acknowledged is lost', async () => {
  if (only !== undefined) return void (await runWorld(Number(only)))
  const failures = await Promise.all(
    Array.from({ length: THREADS }, (_, thread) => firstFailure(1 + thread)),
  )
  for (const failure of failures) {
    if (failure) assert.fail(`WORLD_SEED=${failure.seed} shows it again: ${failure.reason}`)
  }
})

interface Failure {
  readonly seed: number
  readonly reason: string
}

async function firstFailure(from: number): Promise<Failure | undefined> {
  const workerData = { from, to: count, step: THREADS }
  const worker = new Worker(new URL('./world-worker.ts', import.meta.url), { workerData })
  let failure: Failure | undefined
  worker.on('message', (message: Failure) => (failure = message))
  const [code] = (await once(worker, 'exit')) as [number]
  assert.equal(code, 0, 'a thread ended before its worlds did')
  return failure
}

test('a seed replays exactly', async () => {
  for (const seed of [7, 77]) assert.equal(await runWorld(seed), await runWorld(seed))
})
