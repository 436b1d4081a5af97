import type { BigIntStats } from 'node:fs'
import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { resolve } from 'node:path'

import { isPeerkeepError, PeerkeepError, systemCode } from '../base/errors.ts'
import { type BlobRef, refOf } from '../blob/ref.ts'
import { type FetchBlob, fetchNeeded } from '../schema/fetch.ts'
import { readFileContent, sizeOfParts } from '../schema/file-reader.ts'
import { isSafeName } from '../schema/name-bytes.ts'
import type {
  DirectorySchema,
  FileSchema,
  NodeFields,
  SymlinkSchema,
} from '../schema/schema-blob.ts'
import {
  checkDepth,
  type DirectoryEntry,
  nodeOf,
  type NodeSchema,
  readDirectory,
} from '../schema/tree-reader.ts'
import { openExactTimes } from './exact-times.ts'
import { PREFETCH_ENTRIES, PROBLEMS_MAX } from './limits.ts'
import { joinPath } from './path-bytes.ts'
import { openPrefetch, type Prefetch } from './prefetch.ts'
import type { Problem } from './problem.ts'

export interface RestoreOptions {
  readonly fetch: FetchBlob
  /** A `directory` is restored into the target itself, anything else under its name. */
  readonly root: BlobRef
  readonly target: string | Buffer
  readonly overwrite: boolean
  readonly onProgress?: ((counts: RestoreCounts) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

interface RestoreCounts {
  readonly files: number
  readonly directories: number
  /** Bytes of the files written. */
  readonly bytes: number
  /** Files that were there with the right content. */
  readonly kept: number
}

export interface RestoreResult extends RestoreCounts {
  readonly problems: readonly Problem[]
  readonly moreProblems: number
}

interface Place {
  readonly full: Buffer
  readonly below: Buffer
}

/**
 * Writes a snapshot below `target`, each file whole or not at all, and nothing outside it. What cannot be
 * restored is a problem of the result.
 */
// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export async function restoreTree(options: RestoreOptions): Promise<RestoreResult> {
  const { overwrite, signal } = options
  const prefetch = openPrefetch(options.fetch)
  const { fetch } = prefetch
  const problems: Problem[] = []
  const counts = { files: 0, directories: 0, bytes: 0, kept: 0 }
  let moreProblems = 0
  const exactTimes = openExactTimes()

  async function keepTime(place: Place, { mtime }: NodeFields): Promise<void> {
    if (mtime !== undefined) await exactTimes.set(place.full, mtime)
  }

  function report(place: Place, reason: string): void {
    if (problems.length < PROBLEMS_MAX) problems.push({ path: place.below, reason })
    else moreProblems += 1
  }

  async function restoreDirectory(
    place: Place,
    directory: DirectorySchema,
    depth: number,
  ): Promise<void> {
    checkDepth(depth)
    makeDirectory(place, depth)
    counts.directories += 1
    const seen = new Set<string>()
    for await (const { ref, node } of lookAhead(readDirectory(fetch, directory), prefetch)) {
      const name = node?.name
      if (!node || !name || !isSafeName(name)) {
        report(
          place,
          node ? `${ref} has no name that may be written` : `${ref} is not here, or no file`,
        )
        continue
      }
      const key = Buffer.from(name).toString('latin1')
      const child = { full: joinPath(place.full, name), below: joinPath(place.below, name) }
      if (seen.has(key))
        report(child, 'the name stands twice in its directory; the first is restored')
      else await attempt(child, node, depth + 1)
      seen.add(key)
    }
    setMetadata(place, directory)
    await keepTime(place, directory)
  }

  async function attempt(place: Place, node: NodeSchema, depth: number): Promise<void> {
    signal?.throwIfAborted()
    try {
      await restoreNode(place, node, depth)
      options.onProgress?.({ ...counts })
    } catch (error) {
      signal?.throwIfAborted()
      if (systemCode(error) === undefined || isFull(error) || isFatal(error)) throw error
      report(place, error instanceof Error ? error.message : String(error))
    }
  }

  async function restoreNode(place: Place, node: NodeSchema, depth: number): Promise<void> {
    switch (node.type) {
      case 'directory':
        return restoreDirectory(place, node, depth)
      case 'file':
        return restoreFile(place, node)
      case 'symlink':
        restoreLink(place, node)
        return keepTime(place, node)
      case 'fifo':
      case 'socket':
        report(place, `a ${node.type} cannot be made; it is left out`)
    }
  }

  /** Whether nothing stands in the way; reports what does. */
  function mayReplace(place: Place, there: BigIntStats | undefined): boolean {
    if (!there || (overwrite && !there.isDirectory())) return true
    report(
      place,
      there.isDirectory() ? 'a folder stands there' : 'something else is there; it is left alone',
    )
    return false
  }

  async function restoreFile(place: Place, file: FileSchema): Promise<void> {
    const there = statOf(place.full)
    if (there?.isFile() === true && (await hasContent(place, file, there))) {
      counts.kept += 1
      setMetadata(place, file)
      await keepTime(place, file)
      return
    }
    if (!mayReplace(place, there)) return
    const temporary = temporaryPath(place)
    removeIfThere(temporary)
    try {
      await writeContent(temporary, file)
      setMetadata({ ...place, full: temporary }, file)
      renameSync(temporary, place.full)
    } catch (error) {
      removeIfThere(temporary)
      throw error
    }
    counts.files += 1
    counts.bytes += sizeOfParts(file.parts)
    if (file.hardlink) joinHardLink(place, file)
    await keepTime(place, file)
  }

  async function hasContent(place: Place, file: FileSchema, there: BigIntStats): Promise<boolean> {
    if (there.size !== BigInt(sizeOfParts(file.parts))) return false
    const open = openSync(
      place.full,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
    try {
      for await (const piece of readFileContent(fetch, file.parts)) {
        signal?.throwIfAborted()
        if (!readsAs(open, piece.size, piece.bytes)) return false
      }
      return true
    } finally {
      closeSync(open)
    }
  }

  async function writeContent(path: Buffer, file: FileSchema): Promise<void> {
    const open = openSync(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    )
    try {
      let position = 0
      for await (const { size, bytes } of readFileContent(fetch, file.parts)) {
        signal?.throwIfAborted()
        if (bytes && !isZero(bytes)) writeFully(open, bytes, position)
        position += size
      }
      ftruncateSync(open, position)
    } finally {
      closeSync(open)
    }
  }

  /** Makes a file one with its first name, if that was restored below the target with the same content. */
  function joinHardLink(place: Place, file: FileSchema): void {
    const first = safePlace(options.target, file.hardlink ?? new Uint8Array())
    const [a, b] = [first && statOf(first), statOf(place.full)]
    if (!first || !a?.isFile() || !b || a.size !== b.size || !sameBytes(first, place.full)) return
    const temporary = temporaryPath(place)
    removeIfThere(temporary)
    linkSync(first, temporary)
    renameSync(temporary, place.full)
    setMetadata(place, file)
  }

  function restoreLink(place: Place, link: SymlinkSchema): void {
    const there = statOf(place.full)
    const isRight =
      there?.isSymbolicLink() === true &&
      readlinkSync(place.full, { encoding: 'buffer' }).equals(link.target)
    if (!isRight) {
      if (!mayReplace(place, there)) return
      const temporary = temporaryPath(place)
      removeIfThere(temporary)
      symlinkSync(Buffer.from(link.target), temporary)
      renameSync(temporary, place.full)
    }
    setMetadata(place, link, true)
  }

  const bytes = await fetchNeeded(fetch, options.root)
  const node = nodeOf(bytes)
  if (!node)
    throw new PeerkeepError('BAD_SCHEMA', `the blob ${options.root} is no file or directory`)
  const full = toBytes(options.target)
  const top = { full, below: Buffer.alloc(0) }
  mkdirSync(full, { recursive: true })
  try {
    if (node.type === 'directory') await restoreDirectory(top, node, 0)
    else if (node.name && isSafeName(node.name)) {
      await attempt({ full: joinPath(full, node.name), below: Buffer.from(node.name) }, node, 1)
    } else {
      throw new PeerkeepError(
        'BAD_SCHEMA',
        `the blob ${options.root} has no name to restore it under`,
      )
    }
  } finally {
    const isExact = await exactTimes.finish()
    if (!isExact)
      report(top, 'some times are exact to a quarter of a microsecond only: touch failed')
  }
  return { ...counts, problems, moreProblems }
}

function toBytes(path: string | Buffer): Buffer {
  return typeof path === 'string' ? Buffer.from(resolve(path)) : path
}

/** Passes entries on, and begins to fetch the content of those that come soon. */
async function* lookAhead(
  entries: AsyncIterable<DirectoryEntry>,
  prefetch: Prefetch,
): AsyncGenerator<DirectoryEntry> {
  const waiting: DirectoryEntry[] = []
  for await (const entry of entries) {
    prefetch.begin(entry.node)
    waiting.push(entry)
    const next = waiting.length > PREFETCH_ENTRIES ? waiting.shift() : undefined
    if (next) yield next
  }
  yield* waiting
}

/** What concerns the store or the whole restore, not this one file. */
function isFatal(error: unknown): boolean {
  const codes = ['ABORTED', 'CLOSED', 'DISK_FULL', 'IO', 'STORE_DAMAGED'] as const
  return codes.some(code => isPeerkeepError(error, code))
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes(systemCode(error) ?? '')
}

function statOf(path: Buffer): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

/** A directory to write into. The target itself may be reached by a link, nothing below it may be one. */
function makeDirectory({ full }: Place, depth: number): void {
  const there = statOf(full)
  if (!there) mkdirSync(full, 0o700)
  else if (depth > 0 && !there.isDirectory()) {
    throw new PeerkeepError('REFUSED', 'something that is no folder stands where a folder belongs')
  }
  if (there && depth > 0 && (there.mode & 0o700n) !== 0o700n) chmodSync(full, 0o700)
}

function setMetadata({ full }: Place, node: NodeFields, isLink = false): void {
  const isRoot = process.getuid?.() === 0
  if (isRoot && node.ownerId !== undefined)
    lchownSync(full, node.ownerId, node.groupId ?? node.ownerId)
  if (!isLink && node.permission !== undefined)
    chmodSync(full, node.permission | (node.specialMode ?? 0))
  if (node.mtime === undefined) return
  const seconds = secondsText(node.mtime)
  lutimesSync(full, seconds, seconds)
}

/** Decimal seconds as text: Node takes a negative number for the present time, a negative text for what it says. */
function secondsText(time: bigint): string {
  const digits = String(time < 0n ? -time : time).padStart(10, '0')
  return `${time < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`
}

/** One name for each entry, so that what an interrupted restore left behind is found and replaced. */
function temporaryPath({ full }: Place): Buffer {
  const name = Buffer.from(`.peerkeep-${refOf(full).slice(7, 39)}.part`)
  return joinPath(full.subarray(0, full.lastIndexOf(0x2f)), name)
}

function removeIfThere(path: Buffer): void {
  if (statOf(path)) unlinkSync(path)
}

/** The path below the target, if it has only safe names and no link on the way. */
function safePlace(target: string | Buffer, below: Uint8Array): Buffer | undefined {
  let full = toBytes(target)
  const names = Buffer.from(below)
    .toString('latin1')
    .split('/')
    .map(name => Buffer.from(name, 'latin1'))
  for (const [at, name] of names.entries()) {
    if (!isSafeName(name) || (at > 0 && statOf(full)?.isDirectory() !== true)) return undefined
    full = joinPath(full, name)
  }
  return full
}

const zeros = Buffer.alloc(1024 * 1024)

function isZero(bytes: Uint8Array): boolean {
  return bytes.length <= zeros.length && zeros.subarray(0, bytes.length).equals(bytes)
}

function readsAs(file: number, size: number, bytes: Uint8Array | undefined): boolean {
  const buffer = Buffer.allocUnsafe(Math.min(size, zeros.length))
  for (let at = 0; at < size;) {
    const want = Math.min(buffer.length, size - at)
    const got = readSync(file, buffer, 0, want, null)
    const wanted = bytes ? bytes.subarray(at, at + got) : zeros.subarray(0, got)
    if (got === 0 || !buffer.subarray(0, got).equals(wanted)) return false
    at += got
  }
  return true
}

function sameBytes(left: Buffer, right: Buffer): boolean {
  const [a, b] = [left, right].map(path =>
    openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW),
  )
  if (a === undefined || b === undefined) return false
  try {
    const [x, y] = [Buffer.allocUnsafe(zeros.length), Buffer.allocUnsafe(zeros.length)]
    for (;;) {
      const [n, m] = [readSync(a, x), readSync(b, y)]
      if (n !== m || !x.subarray(0, n).equals(y.subarray(0, m))) return false
      if (n === 0) return true
    }
  } finally {
    closeSync(a)
    closeSync(b)
  }
}

function writeFully(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length;)
    at += writeSync(file, bytes, at, bytes.length - at, position + at)
}
