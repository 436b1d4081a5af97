import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { FileLayer } from '../base/files.ts'
import type { Random } from '../base/random.ts'
import { openFolderFiles, writeGeneration } from './folder-files.ts'
import { generationName } from './folder-layout.ts'
import { listFolder } from './folder-list.ts'
import { FOLDER_FILES_MAX, FOLDER_STATS_AT_ONCE } from './limits.ts'
import type { BlobStore, StretchSource } from './store.ts'
import { openTurns, openWorkGate } from './work-gate.ts'

export interface FolderStoreOptions {
  /** Absolute path. */
  readonly directory: string
  readonly files: FileLayer
  readonly random: Random
  readonly clock: Pick<Clock, 'now'>
  /**
   * Whether the directory is made when it is missing (its parent never is: that would fill the disk below a drive that
   * is not mounted). Otherwise, that is for reading, a missing one rejects and nothing is written when it is opened.
   */
  readonly mayMake: boolean
}

/**
 * A plain folder with one file for each blob, in the layout of Perkeep's localdisk; several programs may use it at
 * once. What turns out damaged is kept as `<ref>.dat.damaged`. Rejects with `NOT_FOUND`, `IO`, `DISK_FULL`.
 */
export async function openFolderStore(
  options: FolderStoreOptions,
): Promise<BlobStore & StretchSource> {
  const { directory, files } = options
  await openRoot(options)
  const gate = openWorkGate(`The store in ${directory}`, FOLDER_FILES_MAX)
  const turns = openTurns()
  const folder = openFolderFiles(options)
  const close = (): Promise<void> => gate.close()
  return {
    fetch: (ref, room) =>
      gate.run(async () => {
        const read = await folder.read(ref, room)
        if (read !== 'wrong') return read
        return turns(ref, () => folder.setAsideUnlessMended(ref))
      }),
    fetchUnverified: (ref, begin, size) => gate.run(() => folder.readStretch(ref, begin, size)),
    async stat(refs) {
      gate.requireOpen()
      const sizes: (number | undefined)[] = []
      while (sizes.length < refs.length) {
        const some = refs.slice(sizes.length, sizes.length + FOLDER_STATS_AT_ONCE)
        sizes.push(
          ...(await gate.run(() => Promise.all(some.map(ref => files.fileSize(folder.path(ref)))))),
        )
      }
      return sizes
    },
    enumerate: after => listFolder({ ...options, gate }, after),
    add: blob => gate.run(() => turns(blob.ref, () => folder.add(blob))),
    async remove(refs) {
      gate.requireOpen()
      if (refs.length === 0) return
      // Before anything goes: a client must not take the store for the one that had it.
      await gate.run(() => folder.renew())
      await Promise.all(
        [...new Set(refs)].map(ref => gate.run(() => turns(ref, () => folder.remove(ref)))),
      )
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function openRoot(options: FolderStoreOptions): Promise<void> {
  const { directory, files, mayMake } = options
  const parent = directory.slice(0, directory.lastIndexOf('/')) || '/'
  if ((await files.list(directory)) === undefined) {
    if (!mayMake || (await files.list(parent)) === undefined) {
      const missing = mayMake ? parent : directory
      throw new PeerkeepError(
        'NOT_FOUND',
        `There is no folder ${missing}. Check the name and whether its disk is mounted, or make it.`,
        { details: { path: missing } },
      )
    }
  }
  if (!mayMake) return
  await files.makeDirectory(directory)
  if ((await files.fileSize(`${directory}/${generationName}`)) === undefined)
    await writeGeneration(options)
}
