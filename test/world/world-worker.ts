import { parentPort, workerData } from 'node:worker_threads'

import { runWorld } from './run-world.ts'

/** Runs a share of the worlds on a thread of its own; says the first seed that fails, and why. */
const { from, to, step } = workerData as { from: number; to: number; step: number }

for (let seed = from; seed <= to; seed += step) {
  try {
    await runWorld(seed)
  } catch (error) {
    parentPort?.postMessage({ seed, reason: error instanceof Error ? error.stack : String(error) })
    break
  }
}
