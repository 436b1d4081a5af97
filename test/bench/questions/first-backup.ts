import { compare, type Keeper, peerkeep } from '../photo-library.ts'

/** How long does the first backup of a photo library take, against restic, and how many syncs? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const figures = await compare(async (keeper: Keeper) => {
    await keeper.reset()
    return keeper.backup()
  })
  const counted = peerkeep()
  await counted.reset()
  return { ...figures, syncs: (await counted.countBackupSyncs()) ?? null }
}
