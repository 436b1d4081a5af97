import { type ErrorCode, PeerkeepError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { FileLayer, OpenFile } from '../../src/base/files.ts'
import { compareText } from '../../src/base/text-order.ts'
import { type SimDirectory, simDirectory } from './sim-directory.ts'
import { type SimContent, simContent } from './sim-file.ts'
import type { SimRandom } from './sim-random.ts'

/** What an operation of the layer does; `syncFile` and `syncDirectory` are the syncs. */
export type SimFileKind =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'truncate'
  | 'syncFile'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'makeDirectory'

export interface SimFilesOptions {
  /** True for a sync that shall do nothing: so a test shows that this very sync is needed. */
  readonly skipSync?: (path: string, kind: 'syncFile' | 'syncDirectory') => boolean
  /** What files' times are taken from; after a power cut they are all of 1970. */
  readonly clock?: Pick<Clock, 'now'>
  /** Makes operations take a few turns of the microtask queue, so that they interleave by the seed. */
  readonly random?: SimRandom
}

/** A disk in memory that forgets at a power cut what FileLayer does not promise to keep. */
export interface SimFiles extends FileLayer {
  /** Operations begun so far. */
  readonly count: number
  /** The power goes when this many more operations have begun: the last of them and all later fail. */
  cutAfter(operations: number): void
  readonly isOff: boolean
  /**
   * Asked before each operation; with a code it fails. A failed write leaves some of its bytes, a
   * failed file sync loses silently what was dirty, as Linux does.
   */
  failure: ((kind: SimFileKind, path: string) => ErrorCode | undefined) | undefined
  /** What `freeSpace` answers. */
  space: { free: number; total: number }
  /** Cuts the power, if that is not done yet, and answers the disk as the next start finds it. */
  powerCut(random: SimRandom): SimFiles
}

export function openSimFiles(options: SimFilesOptions = {}): SimFiles {
  return simFiles(new Map([['/', simDirectory()]]), options)
}

function simFiles(directories: Map<string, SimDirectory>, options: SimFilesOptions): SimFiles {
  const { skipSync = () => false, random, clock } = options
  const modified = new WeakMap<SimContent, number>()
  let count = 0
  let cutAt = Infinity
  let isOff = false

  function checkPower(): void {
    if (isOff) throw new PeerkeepError('IO', 'The power is off.')
  }

  /** Begins an operation: `effect` happens at once, its answer is known a little later. */
  async function operation<T>(
    [kind, path]: [kind: SimFileKind, path: string],
    effect: () => T,
    onFailure?: () => void,
  ): Promise<T> {
    checkPower()
    count++
    const code = files.failure?.(kind, path)
    if (code !== undefined) onFailure?.()
    const result = code === undefined ? effect() : undefined
    if (count >= cutAt) isOff = true
    for (let turns = 1 + (random?.below(4) ?? 0); turns > 0; turns--) await Promise.resolve()
    checkPower()
    if (code !== undefined) throw new PeerkeepError(code, `Could not ${kind} ${path} (simulated).`)
    return result as T
  }

  async function sync(
    kind: 'syncFile' | 'syncDirectory',
    path: string,
    target: Pick<SimDirectory, 'beginSync'> & { loseDirty?(): void },
  ): Promise<void> {
    const finish = await operation(
      [kind, path],
      () => (skipSync(path, kind) ? () => undefined : target.beginSync()),
      () => target.loseDirty?.(),
    )
    finish()
  }

  /** The directory of a path and the name in it. */
  function entry(path: string): [directory: SimDirectory, name: string] {
    const [parent, name] = splitPath(path)
    const directory = directories.get(parent)
    if (directory === undefined) throw new PeerkeepError('IO', `${parent} does not exist.`)
    if (directories.has(path)) throw new PeerkeepError('IO', `${path} is a directory.`)
    return [directory, name]
  }

  function find(path: string): SimContent | undefined {
    return directories.get(splitPath(path)[0])?.get(splitPath(path)[1])
  }

  function openFile(path: string, content: SimContent, isWritable: boolean): OpenFile {
    let isClosed = false
    const check = (writes: boolean): void => {
      if (isClosed) throw new PeerkeepError('CLOSED', `${path} was used after it was closed.`)
      if (writes && !isWritable) throw new PeerkeepError('IO', `${path} is open for reading only.`)
    }
    return {
      async read(into, position) {
        check(false)
        return operation(['read', path], () => content.read(into, position))
      },
      async write(chunks, position) {
        check(true)
        const bytes = Buffer.concat(chunks)
        await operation(
          ['write', path],
          () => {
            content.write(bytes, position)
            modified.set(content, clock?.now() ?? 0)
          },
          () => content.write(bytes.subarray(0, random?.below(bytes.length) ?? 1), position),
        )
      },
      async truncate(length) {
        check(true)
        await operation(['truncate', path], () => content.truncate(length))
      },
      async size() {
        check(false)
        return operation(['read', path], () => content.length)
      },
      async sync() {
        check(false)
        await sync('syncFile', path, content)
      },
      async close() {
        isClosed = true
      },
    }
  }

  function open(path: string, mode: 'read' | 'update'): Promise<OpenFile | undefined>
  function open(path: string, mode: 'create'): Promise<OpenFile>
  async function open(path: string, mode: 'read' | 'update' | 'create'): Promise<unknown> {
    return operation([mode === 'create' ? 'create' : 'open', path], () => {
      if (mode !== 'create') {
        const content = find(path)
        return content && openFile(path, content, mode === 'update')
      }
      const [directory, name] = entry(path)
      if (directory.get(name)) throw new PeerkeepError('IO', `${path} exists.`)
      const content = simContent()
      directory.set(name, content)
      modified.set(content, clock?.now() ?? 0)
      return openFile(path, content, true)
    })
  }

  function makeDirectories(path: string): void {
    if (directories.has(path)) return
    const [parent] = splitPath(path)
    makeDirectories(parent)
    if (find(path)) throw new PeerkeepError('IO', `${path} is a file.`)
    directories.set(path, simDirectory())
  }

  function rename(from: string, to: string): void {
    const [fromDirectory, fromName] = entry(from)
    const [toDirectory, toName] = entry(to)
    const content = fromDirectory.get(fromName)
    if (content === undefined) throw new PeerkeepError('IO', `${from} does not exist.`)
    if (fromDirectory === toDirectory) fromDirectory.rename(fromName, toName)
    else {
      toDirectory.set(toName, content)
      fromDirectory.remove(fromName)
    }
  }

  const files: SimFiles = {
    open,
    readFile: path =>
      operation(['read', path], () => {
        const content = find(path)
        if (content === undefined) return undefined
        const bytes = new Uint8Array(content.length)
        content.read(bytes, 0)
        return bytes
      }),
    fileSize: path => operation(['read', path], () => find(path)?.length),
    modifiedTime: path =>
      operation(['read', path], () => {
        const content = find(path)
        return content && (modified.get(content) ?? 0)
      }),
    list: directory =>
      operation(['read', directory], () => {
        const made = [...directories.keys()].filter(
          path => path !== '/' && splitPath(path)[0] === directory,
        )
        const names = made.map(path => splitPath(path)[1])
        return directories.get(directory)?.names().concat(names).sort(compareText)
      }),
    makeDirectory: path => operation(['makeDirectory', path], () => makeDirectories(path)),
    rename: (from, to) => operation(['rename', from], () => rename(from, to)),
    remove: path =>
      operation(['remove', path], () => {
        if (!directories.has(path) && find(path) === undefined) return
        const [directory, name] = entry(path)
        directory.remove(name)
      }),
    async syncDirectory(path) {
      const directory = directories.get(path)
      if (directory === undefined) throw new PeerkeepError('IO', `${path} does not exist.`)
      await sync('syncDirectory', path, directory)
    },
    freeSpace: async () => files.space,
    get count() {
      return count
    },
    cutAfter(operations) {
      cutAt = count + operations
    },
    get isOff() {
      return isOff
    },
    failure: undefined,
    space: { free: 2 ** 40, total: 2 ** 41 },
    powerCut(chance) {
      isOff = true
      return simFiles(survivors(directories, chance), options)
    },
  }
  return files
}

function survivors(
  directories: ReadonlyMap<string, SimDirectory>,
  random: SimRandom,
): Map<string, SimDirectory> {
  const contents = new Map<SimContent, SimContent>()
  const survivorOf = (content: SimContent): SimContent => {
    const survivor = contents.get(content) ?? content.survivor(random)
    contents.set(content, survivor)
    return survivor
  }
  return new Map(
    [...directories].map(([path, directory]) => [path, directory.survivor(random, survivorOf)]),
  )
}

function splitPath(path: string): [parent: string, name: string] {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, slash) || '/', path.slice(slash + 1)]
}
