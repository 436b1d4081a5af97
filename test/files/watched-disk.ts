import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { mock } from 'node:test'

/** What was asked of the disk below one folder while it was watched: paths, once for each call. */
export interface WatchedDisk extends Disposable {
  /** Opened, to read what is in it. */
  readonly opened: string[]
  readonly listed: string[]
}

/** Notes every opening and listing below `folder`, until disposed of. Everything else goes on as always. */
export function watchDisk(folder: string): WatchedDisk {
  const [opened, listed]: [string[], string[]] = [[], []]
  const note = (into: string[], path: unknown): void => {
    if (String(path).startsWith(`${folder}/`)) into.push(String(path).slice(folder.length + 1))
  }
  const mocks = [
    noteCalls(
      fs,
      ['openSync', 'open', 'readFileSync', 'createReadStream'],
      note.bind(null, opened),
    ),
    noteCalls(fs.promises, ['open', 'readFile'], note.bind(null, opened)),
    noteCalls(fs, ['readdirSync', 'readdir', 'opendirSync'], note.bind(null, listed)),
    noteCalls(fs.promises, ['readdir', 'opendir'], note.bind(null, listed)),
  ].flat()
  syncBuiltinESMExports()
  return {
    opened,
    listed,
    [Symbol.dispose]() {
      for (const restore of mocks) restore()
      syncBuiltinESMExports()
    },
  }
}

type Callable = (...args: unknown[]) => unknown

function noteCalls(
  owner: object,
  names: readonly string[],
  note: (path: unknown) => void,
): (() => void)[] {
  const methods = owner as Record<string, Callable>
  return names.map(name => {
    const original = methods[name] as Callable
    const noting = function noting(this: unknown, ...args: unknown[]): unknown {
      note(args[0])
      return original.apply(this, args)
    }
    const { mock: context } = mock.method(methods, name, noting)
    return () => context.restore()
  })
}
