import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { openDoor } from '../../../src/blob/receive.ts'
import { measure, rounded } from '../measure.ts'
import { benchDirectory, inParallel, openStoreAt } from '../store-in-process.ts'

const BLOBS = Number(process.env['BENCH_BLOBS'] ?? 1_000_000)

/** How long does a store of a million blobs take to open, how much memory, and after a kill -9? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const directory = benchDirectory()
  const { store, close } = await openStoreAt(directory)
  const door = openDoor(store, () => undefined)
  await inParallel(2000, BLOBS, at => door.receive(Buffer.from(`blob ${at}`)))
  await close()
  const program = join(import.meta.dirname, '..', 'open-store.ts')
  const warm = await measure(process.execPath, [program, directory])
  const killed = spawn(process.execPath, [program, directory, 'put-and-hang'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(killed.stdout, 'data')
  killed.kill('SIGKILL')
  await once(killed, 'close')
  const again = await measure(process.execPath, [program, directory])
  return {
    blobs: BLOBS,
    seconds: rounded(warm.seconds),
    peakMib: warm.peakMib,
    secondsAfterKill: rounded(again.seconds),
    peakMibAfterKill: again.peakMib,
  }
}
