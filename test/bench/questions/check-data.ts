import { directoryBytes } from '../directory-bytes.ts'
import { rounded } from '../measure.ts'
import { compare, peerkeep, restic } from '../photo-library.ts'

/** How long does it take to read and verify every stored byte, and how many MB/s is that? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  for (const keeper of [peerkeep(), restic()]) {
    await keeper?.reset()
    await keeper?.backup()
  }
  const figures = await compare(keeper => keeper.check())
  const stored = directoryBytes(peerkeep().repository)
  return { ...figures, megabytesPerSecond: rounded(stored / 1e6 / Number(figures['seconds'])) }
}
