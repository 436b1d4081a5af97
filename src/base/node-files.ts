import * as fs from 'node:fs'

import { PeerkeepError, systemCode } from './errors.ts'
import type { FileLayer, OpenFile } from './files.ts'
import { compareText } from './text-order.ts'

const { constants } = fs

const openFlags = {
  read: constants.O_RDONLY,
  update: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const

const fileMode = 0o600
const directoryMode = 0o700

/** One system call moves less than 2 GiB; larger reads and writes are made of several. */
const transferMax = 1 << 30

/** The file layer on the real disk. The callback API: no object per call, half the cost of a FileHandle. */
export const nodeFiles: FileLayer = {
  open: openNodeFile,
  async readFile(path) {
    return call<Uint8Array>('read', path, done => fs.readFile(path, done)).catch(absent)
  },
  fileSize: async path => (await fileStats(path))?.size,
  modifiedTime: async path => (await fileStats(path))?.mtimeMs,
  async list(directory) {
    const names = await call<string[]>('list', directory, done => fs.readdir(directory, done))
      .catch(absent)
      .catch(unlessCode('ENOTDIR'))
    return names?.sort(compareText)
  },
  makeDirectory,
  async rename(from, to) {
    await call('rename', from, done => fs.rename(from, to, done))
  },
  async remove(path) {
    await call('remove', path, done => fs.unlink(path, done)).catch(absent)
  },
  syncDirectory,
  async freeSpace(directory) {
    const stats = await call<fs.StatsFs>('measure', directory, done => fs.statfs(directory, done))
    return { free: stats.bavail * stats.bsize, total: stats.blocks * stats.bsize }
  },
}

async function fileStats(path: string): Promise<fs.Stats | undefined> {
  const stats = await call<fs.Stats>('look at', path, done => fs.stat(path, done)).catch(absent)
  return stats?.isDirectory() === true ? undefined : stats
}

function openNodeFile(path: string, mode: 'read' | 'update'): Promise<OpenFile | undefined>
function openNodeFile(path: string, mode: 'create'): Promise<OpenFile>
async function openNodeFile(
  path: string,
  mode: keyof typeof openFlags,
): Promise<OpenFile | undefined> {
  const opening = call<number>(mode === 'create' ? 'create' : 'open', path, done =>
    fs.open(path, openFlags[mode], fileMode, done),
  )
  const descriptor = mode === 'create' ? await opening : await opening.catch(absent)
  return descriptor === undefined ? undefined : openFile(path, descriptor)
}

function openFile(path: string, descriptor: number): OpenFile {
  let running = 0
  let closing: Promise<void> | undefined
  let onIdle: (() => void) | undefined

  // A descriptor's number is used again at once: no call may meet it after it was closed.
  async function guard<T>(work: () => Promise<T>): Promise<T> {
    if (closing) throw new PeerkeepError('CLOSED', `${path} was used after it was closed.`)
    running++
    try {
      return await work()
    } finally {
      if (--running === 0) onIdle?.()
    }
  }

  async function closeWhenIdle(): Promise<void> {
    if (running > 0) await new Promise<void>(resolve => (onIdle = resolve))
    await call('close', path, done => fs.close(descriptor, done))
  }

  return {
    read: (into, position) => guard(() => readFully(path, descriptor, into, position)),
    write: (chunks, position) => guard(() => writeFully(path, descriptor, chunks, position)),
    truncate: length =>
      guard(() => call('cut', path, done => fs.ftruncate(descriptor, length, done))),
    size: () =>
      guard(async () => {
        return (await call<fs.Stats>('look at', path, done => fs.fstat(descriptor, done))).size
      }),
    sync: () => guard(() => call('sync', path, done => fs.fdatasync(descriptor, done))),
    close: () => (closing ??= closeWhenIdle()),
  }
}

async function readFully(
  path: string,
  descriptor: number,
  into: Uint8Array,
  position: number,
): Promise<number> {
  let filled = 0
  while (filled < into.length) {
    const length = Math.min(into.length - filled, transferMax)
    const count = await call<number>('read', path, done =>
      fs.read(descriptor, into, filled, length, position + filled, done),
    )
    if (count === 0) break
    filled += count
  }
  return filled
}

async function writeFully(
  path: string,
  descriptor: number,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = chunks.filter(chunk => chunk.length > 0)
  let at = position
  while (rest.length > 0) {
    const part = firstBytes(rest, transferMax)
    const count = await call<number>('write', path, done => fs.writev(descriptor, part, at, done))
    // A short write usually means that the next one meets the reason; nothing at all never ends.
    if (count === 0) throw new PeerkeepError('IO', `${path} takes no more bytes.`)
    at += count
    rest = withoutBytes(rest, count)
  }
}

/** The first chunks of `chunks` that together have at most `max` bytes; at least a part of the first. */
function firstBytes(chunks: readonly Uint8Array[], max: number): Uint8Array[] {
  let bytes = 0
  const end = chunks.findIndex(chunk => (bytes += chunk.length) > max)
  if (end === 0) return [(chunks[0] ?? new Uint8Array()).subarray(0, max)]
  return end === -1 ? [...chunks] : chunks.slice(0, end)
}

function withoutBytes(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count
  let i = 0
  for (let chunk = chunks[0]; chunk !== undefined && skip >= chunk.length; chunk = chunks[++i]) {
    skip -= chunk.length
  }
  const [first, ...others] = chunks.slice(i)
  return first === undefined ? [] : [first.subarray(skip), ...others]
}

/**
 * A directory that is there already gets its name synced too: the process that made it may have
 * been killed before it came to that.
 */
async function makeDirectory(directory: string): Promise<void> {
  const parent = parentOf(directory)
  const found = await call<fs.Stats>('look at', directory, done => fs.stat(directory, done)).catch(
    absent,
  )
  if (found === undefined) {
    await makeDirectory(parent)
    await call('make', directory, done => fs.mkdir(directory, directoryMode, done)).catch(
      unlessCode('EEXIST'),
    )
    await syncDirectory(parent)
    return
  }
  if (!found.isDirectory()) {
    throw new PeerkeepError('IO', `${directory} is not a directory. Move it away or name another.`)
  }
  // A parent that this user may not read belongs to someone who made it long ago.
  if (parent !== directory) await syncDirectory(parent).catch(unlessCode('EACCES'))
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

async function syncDirectory(directory: string): Promise<void> {
  const descriptor = await call<number>('open', directory, done =>
    fs.open(directory, constants.O_RDONLY | constants.O_DIRECTORY, done),
  )
  try {
    await call('sync', directory, done => fs.fsync(descriptor, done))
  } finally {
    await call('close', directory, done => fs.close(descriptor, done))
  }
}

/** A call of the system as a promise; `verb` says in an error's message what was tried. */
function call<T = void>(
  verb: string,
  path: string,
  start: (done: (error: NodeJS.ErrnoException | null, result?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error === null || error === undefined) resolve(result as T)
      else reject(fileError(verb, path, error))
    })
  })
}

function fileError(verb: string, path: string, cause: Error): PeerkeepError {
  const code = systemCode(cause) ?? 'unknown error'
  const options = { cause, details: { path, systemCode: code } }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `No room left to ${verb} ${path} (${code}). Free some space and try again.`
    return new PeerkeepError('DISK_FULL', message, options)
  }
  return new PeerkeepError('IO', `Could not ${verb} ${path} (${code}). ${advice(code)}`, options)
}

function advice(code: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'Check that this user may do so.'
    case 'EROFS':
      return 'The file system is mounted read-only.'
    case 'EEXIST':
      return 'The name is taken.'
    case 'ENOENT':
      return 'It, or its directory, is gone.'
    case 'EMFILE':
    case 'ENFILE':
      return 'Too many files are open: raise the limit (ulimit -n).'
    default:
      return 'Check the disk and its connection.'
  }
}

/** For `catch`: undefined in place of an error that says that nothing is there. */
const absent = unlessCode('ENOENT')

function unlessCode(code: string): (error: unknown) => undefined {
  return error => {
    if (error instanceof PeerkeepError && error.details['systemCode'] === code) return undefined
    throw error
  }
}
