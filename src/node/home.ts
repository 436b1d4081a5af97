import { createHash } from 'node:crypto'
import { join } from 'node:path'

/** Where a home keeps what. All of it is made with mode 0700 and 0600. */
export interface HomePaths {
  readonly directory: string
  readonly config: string
  /** The pack store, unless the config names another directory. */
  readonly blobs: string
  /** Caches that are rebuilt from the blobs: safe to delete. */
  readonly blobIndex: string
  readonly searchIndex: string
  readonly searchTables: string
  readonly statCache: string
  readonly thumbnails: string
  /** What is where in foreign stores that blobs were copied out of. */
  readonly sources: string
  /** The compared sets, as they were at the last end. */
  readonly tries: string
  readonly keys: string
  /** Durable state that is in no blob. Its database is open as long as the home is: the lock. */
  readonly state: string
  /** Who has the home open, for the message to whoever else tries. */
  readonly holder: string
  readonly socket: string
}

/** Longest path of a unix socket that Linux and macOS both take, in bytes. */
const SOCKET_PATH_MAX = 100

/** `temporary` is the system's directory for temporary files, for sockets of deeply nested homes. */
export function homePaths(directory: string, temporary: string): HomePaths {
  return {
    directory,
    config: join(directory, 'config.toml'),
    blobs: join(directory, 'blobs'),
    blobIndex: join(directory, 'index', 'blobs'),
    searchIndex: join(directory, 'index', 'search'),
    searchTables: join(directory, 'index', 'search.sqlite'),
    statCache: join(directory, 'index', 'stat'),
    thumbnails: join(directory, 'index', 'thumbnails'),
    sources: join(directory, 'index', 'sources'),
    tries: join(directory, 'index', 'tries'),
    keys: join(directory, 'keys'),
    state: join(directory, 'state', 'rows'),
    holder: join(directory, 'state', 'holder.json'),
    socket: socketPath(directory, temporary),
  }
}

function socketPath(directory: string, temporary: string): string {
  const path = join(directory, 'peerkeep.sock')
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX) return path
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 32)
  return join(temporary, `peerkeep-${name}`, 'sock')
}
