import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { homeDirectories } from './sim-node.ts'

/** A disk with the same files, as a copy of a home has, taken between two operations. */
export async function copyDisk(from: SimFiles): Promise<SimFiles> {
  const to = openSimFiles()
  for (const directory of homeDirectories) {
    for (const name of (await from.list(directory)) ?? []) {
      const path = `${directory}/${name}`
      const bytes = homeDirectories.includes(path) ? undefined : await from.readFile(path)
      if (!bytes) continue
      await to.makeDirectory(directory)
      const file = await to.open(path, 'create')
      await file.write([bytes], 0)
      await file.sync()
      await file.close()
      await to.syncDirectory(directory)
    }
  }
  return to
}
