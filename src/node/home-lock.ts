import { isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import { replaceFile } from '../base/files.ts'
import type { KeyValue } from '../base/key-value.ts'
import { openLevelKeyValue } from '../base/level-key-value.ts'
import type { HomePaths } from './home.ts'
import type { System } from './node.ts'

/**
 * Opens the home's durable rows, which only one process can at a time: the lock of the home, given up by the system
 * when the process dies. Rejects with `HOME_LOCKED`, naming who has it.
 */
export async function lockHome(options: {
  readonly paths: HomePaths
  readonly system: System
  /** What the process is doing, for whoever finds the home taken. */
  readonly purpose: string
}): Promise<KeyValue> {
  const { paths, system, purpose } = options
  const { files } = system
  await files.makeDirectory(paths.state)
  try {
    const state = await openLevelKeyValue(paths.state)
    const since = new Date(system.clock.now()).toISOString()
    const holder = `process ${process.pid} (${purpose}), since ${since}\n`
    await replaceFile(files, paths.holder, Buffer.from(holder))
    return state
  } catch (error) {
    if (!isPeerkeepError(error, 'HOME_LOCKED')) throw error
    const holder = Buffer.from((await files.readFile(paths.holder)) ?? 'another process')
      .toString()
      .trim()
    throw new PeerkeepError(
      'HOME_LOCKED',
      `the home ${paths.directory} is in use by ${holder}. Wait for it to end, or run 'peerkeep up', which serves many commands at a time.`,
      { cause: error },
    )
  }
}
