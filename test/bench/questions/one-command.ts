import { median, rounded } from '../measure.ts'
import { peerkeep } from '../photo-library.ts'

const RUNS = 9

/** How long does one command take when no node runs: `describe` of the newest snapshot? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const keeper = peerkeep()
  await keeper.reset()
  const snapshot = (await keeper.backup()).stdout.trim()
  const seconds: number[] = []
  for (let at = 0; at < RUNS; at += 1) {
    seconds.push((await keeper.run('describe', snapshot)).seconds)
  }
  return { milliseconds: rounded(median(seconds) * 1000) }
}
