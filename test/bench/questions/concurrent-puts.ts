import { randomBytes } from 'node:crypto'

import { openDoor } from '../../../src/blob/receive.ts'
import { median, rounded } from '../measure.ts'
import { benchDirectory, inParallel, openStoreAt } from '../store-in-process.ts'

const WIDTH = 1000
const PUTS = 10_000
const BYTES = 4096
const RUNS = 3

/** How many blobs of 4 KiB a second become durable when 1,000 callers put at a time? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const { store, close } = await openStoreAt(benchDirectory())
  const door = openDoor(store, () => undefined)
  const rates: number[] = []
  for (let run = 0; run < RUNS; run += 1) {
    const blobs = Array.from({ length: PUTS }, () => randomBytes(BYTES))
    const begin = performance.now()
    await inParallel(WIDTH, PUTS, at => door.receive(blobs[at] ?? Buffer.alloc(0)))
    rates.push(PUTS / ((performance.now() - begin) / 1000))
  }
  await close()
  return { perSecond: rounded(median(rates)) }
}
