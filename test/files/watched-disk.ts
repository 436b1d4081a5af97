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
  const noteIn =
    (into: string[]) =>
    (path: unknown): void => {
      if (String(path).startsWith(`${folder}/`)) into.push(String(path).slice(folder.length + 1))
    }
  const hooks = [
    beforeCalls(fs, ['openSync', 'open', 'readFileSync', 'createReadStream'], noteIn(opened)),
    beforeCalls(fs.promises, ['open', 'readFile'], noteIn(opened)),
    beforeCalls(fs, ['readdirSync', 'readdir', 'opendirSync'], noteIn(listed)),
    beforeCalls(fs.promises, ['readdir', 'opendir'], noteIn(listed)),
  ]
  return { opened, listed, ...hooked(hooks) }
}

/** How a path fails: when it is opened, listed, or read on the main thread. */
export interface Failure {
  readonly path: string
  readonly code: 'EACCES' | 'EIO'
  readonly on: 'openSync' | 'readdirSync' | 'readSync'
}

/** Makes one path fail as bad disks and missing rights do, which no test can count on having. */
export function failDisk({ path, code, on }: Failure): Disposable {
  const fail = (): never => {
    throw Object.assign(new Error(`${code}: the test says so`), { code, syscall: on, path })
  }
  if (on !== 'readSync') {
    return hooked([beforeCalls(fs, [on], called => String(called) === path && fail())])
  }
  const { ino } = fs.lstatSync(path)
  const failInside = (file: unknown): void => {
    if (fs.fstatSync(Number(file)).ino === ino) fail()
  }
  return hooked([beforeCalls(fs, ['readSync'], failInside)])
}

/** Has reading of one path fail wherever it is read, on other threads too: what is opened is for writing only. */
export function forbidReading(path: string): Disposable {
  const open = fs.openSync
  const { mock: context } = mock.method(fs, 'openSync', (...args: Parameters<typeof open>) =>
    open(args[0], String(args[0]) === path ? fs.constants.O_WRONLY : args[1], args[2]),
  )
  return hooked([() => context.restore()])
}

type Callable = (...args: unknown[]) => unknown

/** Has `act` called with the first argument before each call; the answer ends that. */
function beforeCalls(
  owner: object,
  names: readonly string[],
  act: (argument: unknown) => void,
): () => void {
  const methods = owner as Record<string, Callable>
  const ends = names.map(name => {
    const original = methods[name] as Callable
    const acting = function acting(this: unknown, ...args: unknown[]): unknown {
      act(args[0])
      return original.apply(this, args)
    }
    const { mock: context } = mock.method(methods, name, acting)
    return () => context.restore()
  })
  return () => {
    for (const end of ends) end()
  }
}

/** Named imports of `node:fs` elsewhere follow only when they are told to. */
function hooked(ends: readonly (() => void)[]): Disposable {
  syncBuiltinESMExports()
  return {
    [Symbol.dispose]() {
      for (const end of ends) end()
      syncBuiltinESMExports()
    },
  }
}
