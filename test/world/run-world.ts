import { assertKept, assertRefused, assertSecrets, untilEqual } from './equality.ts'
import { openWorld } from './world.ts'

/** Things that happen in one world before it is left in peace. */
const STEPS = 35

/** Runs one world to its end, and answers what it was like; rejects with what is wrong there. */
export async function runWorld(seed: number): Promise<string> {
  const world = await openWorld(seed)
  for (let step = 0; step < STEPS; step += 1) await world.step()
  await world.heal()
  await untilEqual(world)
  await assertKept(world)
  // Now on lines that are up already, where only what is said can tell that something is new.
  await world.actAll()
  await untilEqual(world)
  await assertKept(world)
  await assertSecrets(world)
  await assertRefused(world)
  const what = world.devices.map(({ name, files, acknowledged }) => [
    name,
    files.count,
    [...acknowledged],
  ])
  await world.close()
  return JSON.stringify([world.clock.monotonic(), what])
}
