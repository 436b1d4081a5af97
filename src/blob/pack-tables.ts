import { packFileName, type PackDirectory } from './pack-directory.ts'

/** Where the table of a pack lies: beside it. */
export function packTablePath(packs: PackDirectory, pack: number): string {
  return `${packs.directory}/${packFileName(pack).replace(/\.blobs$/, '.idx')}`
}
