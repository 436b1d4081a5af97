import { isPeerkeepError, systemCode } from '../base/errors.ts'

/** Something that could not be stored or restored, while the rest was. */
export interface Problem {
  /** Names joined by `/`, below the tree's top; empty for the top itself. */
  readonly path: Uint8Array
  readonly reason: string
}

/** What a person is told about a failed call of the file system. Rethrows what is none. */
export function reasonOf(error: unknown): string {
  const code = systemCode(error)
  // What Peerkeep's own parts report (a full disk, a closed store) concerns more than this one file.
  if (code === undefined || isPeerkeepError(error)) throw error
  switch (code) {
    case 'ENOENT':
      return 'it vanished while it was read'
    case 'ELOOP':
      return 'it is no longer a file'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    default:
      return error instanceof Error ? error.message : code
  }
}
