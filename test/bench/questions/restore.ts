import { compare, peerkeep, restic } from '../photo-library.ts'

/** How long does it take to bring everything back? Neither program syncs at the end. */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  for (const keeper of [peerkeep(), restic()]) {
    await keeper?.reset()
    await keeper?.backup()
  }
  return compare(keeper => keeper.restore())
}
