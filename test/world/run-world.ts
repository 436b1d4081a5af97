import { assertKept, untilEqual } from './equality.ts'
import { openWorld } from './world.ts'

/** Things that happen in one world before it is left in peace. */
const STEPS = 60

/** Runs one world to its end; rejects with what is wrong there. */
export async function runWorld(seed: number): Promise<void> {
  const world = await openWorld(seed)
  for (let step = 0; step < STEPS; step += 1) await world.step()
  await world.heal()
  await untilEqual(world)
  await assertKept(world)
  await world.close()
}
