import type { FileLayer } from '../base/files.ts'
import { KNOWN_DIRECTORIES_MAX } from './limits.ts'

/** Directories whose own names and whose entries' names survive a power cut, at the price of few syncs. */
export interface DirectorySyncs {
  /** Makes a directory below the root, and makes all names on the way to it durable. Once for each. */
  make(names: readonly string[]): Promise<string>
  /** Makes what was done in a directory before the call durable. Calls that wait share one sync. */
  sync(directory: string): Promise<void>
  /** Something about a directory was not as it was: the next `make` looks again. */
  forget(names: readonly string[]): void
}

interface RunningSync {
  readonly done: Promise<void>
  /** The sync that begins when this one is done, for whoever came too late for it. */
  next: Promise<void> | undefined
}

export function openDirectorySyncs(files: FileLayer, root: string): DirectorySyncs {
  const made = new Map<string, Promise<void>>()
  const syncs = new Map<string, RunningSync>()

  async function make(names: readonly string[]): Promise<string> {
    let path = root
    for (const name of names) {
      path += `/${name}`
      await makeOnce(path)
    }
    return path
  }

  /** Also one that is there already: whoever made it may have been killed before its name was synced. */
  function makeOnce(path: string): Promise<void> {
    const known = made.get(path)
    if (known !== undefined) return known
    if (made.size >= KNOWN_DIRECTORIES_MAX) made.clear()
    const making = files.makeDirectory(path)
    made.set(path, making)
    making.catch(() => made.delete(path))
    return making
  }

  function sync(directory: string): Promise<void> {
    const running = syncs.get(directory)
    if (running === undefined) return start(directory)
    running.next ??= running.done.then(
      () => start(directory),
      () => start(directory),
    )
    return running.next
  }

  function start(directory: string): Promise<void> {
    const done = files.syncDirectory(directory)
    const running: RunningSync = { done, next: undefined }
    syncs.set(directory, running)
    const end = (): void => {
      if (running.next === undefined) syncs.delete(directory)
    }
    done.then(end, end)
    return done
  }

  return {
    make,
    sync,
    forget(names) {
      names.forEach((_, i) => made.delete([root, ...names.slice(0, i + 1)].join('/')))
    },
  }
}
