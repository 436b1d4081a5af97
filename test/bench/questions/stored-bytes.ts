import { directoryBytes } from '../directory-bytes.ts'
import { rounded } from '../measure.ts'
import { peerkeep, restic } from '../photo-library.ts'

/** How many bytes lie on the disk after a first backup, against restic's uncompressed repository? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const [mine, other] = [peerkeep(), restic()]
  for (const keeper of [mine, other]) {
    await keeper?.reset()
    await keeper?.backup()
  }
  const bytes = directoryBytes(mine.repository)
  const resticBytes = other ? directoryBytes(other.repository) : undefined
  const ratio = resticBytes === undefined ? null : rounded(bytes / resticBytes)
  return { bytes, resticBytes: resticBytes ?? null, ratio }
}
