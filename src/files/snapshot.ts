import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'

import { type Budget, openBudget } from '../base/budget.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { TREE_DEPTH_MAX } from '../schema/limits.ts'
import { writeStaticSet } from '../schema/static-set.ts'
import { displayName } from './display-name.ts'
import { LARGE_FILES_AT_ONCE, LARGE_FILES_QUEUED_MAX } from './limits.ts'
import { joinPath } from './path-bytes.ts'
import { type Problem, reasonOf } from './problem.ts'
import {
  type Entry,
  openSnapshotRun,
  type SnapshotCounts,
  type SnapshotOptions,
  type SnapshotRun,
} from './snapshot-run.ts'
import type { CachedFile } from './stat-cache.ts'
import { isLargeContent } from './store-content.ts'
import { type Finish, storeFile } from './store-file.ts'

export interface SnapshotResult extends SnapshotCounts {
  readonly root: BlobRef
  readonly problems: readonly Problem[]
  /** Problems beyond those listed. */
  readonly moreProblems: number
}

/**
 * Stores a tree, children first, and resolves once all of it is durable. What cannot be read, vanishes or
 * changes meanwhile is a problem of the result. Rejects when the source itself cannot be read (`NOT_FOUND`),
 * when the store fails, or with the signal's reason; nothing is read or stored any more then.
 */
export async function snapshotTree(options: SnapshotOptions): Promise<SnapshotResult> {
  const top = openTop(options.source)
  const run = openSnapshotRun(options)
  const reading = new Set<Promise<unknown>>()
  const walk = {
    run,
    top,
    reading,
    largeFiles: openBudget(LARGE_FILES_AT_ONCE),
    queuedFiles: openBudget(LARGE_FILES_QUEUED_MAX),
  }
  try {
    const [cached] = await lookUp(run.options, [top])
    const finish = await storeTop(walk, cached)
    if (finish === undefined) throw new PeerkeepError('IO', 'a device node cannot be stored')
    const root = await finish()
    return { ...run.progress(), root, problems: run.problems, moreProblems: run.moreProblems() }
  } finally {
    await Promise.allSettled(reading)
    await run.close()
  }
}

interface Walk {
  readonly run: SnapshotRun
  readonly top: Entry
  /** Large files that are read, or wait for it. */
  readonly reading: Set<Promise<unknown>>
  /** How many of them may be read, */
  readonly largeFiles: Budget
  /** and how many may wait, while the walk goes on with small ones. */
  readonly queuedFiles: Budget
}

/** What fails for anything else is a problem of it; for the source itself nothing would be left. */
async function storeTop(walk: Walk, cached: CachedFile | undefined): Promise<Finish | undefined> {
  try {
    return await storeEntry(walk, walk.top, cached)
  } catch (error) {
    walk.run.signal.throwIfAborted()
    throw sourceError(walk.top.full, error)
  }
}

async function storeEntry(
  walk: Walk,
  entry: Entry,
  cached: CachedFile | undefined,
): Promise<Finish | undefined> {
  const { run } = walk
  const { stat } = entry
  if (stat.isDirectory()) return storeDirectory(walk, entry)
  if (stat.isFile()) return storeFile(run, entry, cached)
  if (stat.isSymbolicLink()) {
    const target = readlinkSync(entry.full, { encoding: 'buffer' })
    return () => run.keep({ type: 'symlink', ...run.fieldsOf(entry), target })
  }
  const isDevice = stat.isBlockDevice() || stat.isCharacterDevice()
  if (isDevice && run.options.mode === 'backup') {
    run.report(entry.below, 'device nodes are not stored')
    return undefined
  }
  return () => run.keep({ type: stat.isFIFO() ? 'fifo' : 'socket', ...run.fieldsOf(entry) })
}

async function storeDirectory(walk: Walk, directory: Entry): Promise<Finish | undefined> {
  const { run, top } = walk
  if (depthOf(directory) >= TREE_DEPTH_MAX) {
    run.report(directory.below, `it lies more than ${TREE_DEPTH_MAX} folders deep`)
    return undefined
  }
  const finishing: Promise<BlobRef | undefined>[] = []
  run.counts.directories += 1
  const isOther = run.options.oneFileSystem === true && directory.stat.dev !== top.stat.dev
  const entries = isOther ? [] : listEntries(run, directory)
  const cached = await lookUp(run.options, entries)
  for (const [at, entry] of entries.entries()) {
    await run.pause()
    const { ref } = await beginEntry(walk, entry, cached[at])
    // It is awaited with its directory; until then its failure must not end the process.
    ref.catch(() => undefined)
    finishing.push(ref)
  }
  return async () => {
    const refs = (await Promise.all(finishing)).filter(ref => ref !== undefined)
    const set = writeStaticSet(refs)
    await Promise.all(set.blobs.map(async bytes => (await run.intake.offer(bytes)).stored))
    return run.keep({ type: 'directory', ...run.fieldsOf(directory), entries: set.top })
  }
}

/** Folders above an entry, the source included. */
function depthOf({ below }: Entry): number {
  if (below.length === 0) return 0
  return 1 + below.reduce((slashes, byte) => slashes + (byte === 0x2f ? 1 : 0), 0)
}

/** Resolves when the entry was read, or, for a large file, when it stands in the queue. */
async function beginEntry(
  walk: Walk,
  entry: Entry,
  cached: CachedFile | undefined,
): Promise<{ readonly ref: Promise<BlobRef | undefined> }> {
  if (!entry.stat.isFile() || !isLargeContent(Number(entry.stat.size))) {
    const finish = await tryEntry(walk, entry, cached)
    return { ref: finish ? finish() : Promise.resolve(undefined) }
  }
  const leaveQueue = await walk.queuedFiles.take(1, walk.run.signal)
  const read = readInTurn(walk, entry, cached).finally(() => {
    leaveQueue()
    walk.reading.delete(read)
  })
  walk.reading.add(read)
  return { ref: read.then(async finish => finish?.()) }
}

async function readInTurn(
  walk: Walk,
  entry: Entry,
  cached: CachedFile | undefined,
): Promise<Finish | undefined> {
  const giveBack = await walk.largeFiles.take(1, walk.run.signal)
  try {
    return await tryEntry(walk, entry, cached)
  } finally {
    giveBack()
  }
}

async function tryEntry(
  walk: Walk,
  entry: Entry,
  cached: CachedFile | undefined,
): Promise<Finish | undefined> {
  try {
    return await storeEntry(walk, entry, cached)
  } catch (error) {
    walk.run.signal.throwIfAborted()
    walk.run.report(entry.below, reasonOf(error))
    return undefined
  }
}

/** Directories come last: their files are many, and what is small is soon done. */
function listEntries({ options, report }: SnapshotRun, directory: Entry): Entry[] {
  const entries: Entry[] = []
  for (const name of readdirSync(directory.full, { encoding: 'buffer' })) {
    const below = joinPath(directory.below, name)
    try {
      const full = joinPath(directory.full, name)
      const stat = lstatSync(full, { bigint: true })
      if (options.exclude?.(below, stat.isDirectory()) === true) continue
      entries.push({ name, full, below, stat })
    } catch (error) {
      report(below, reasonOf(error))
    }
  }
  const rank = (entry: Entry): number => (entry.stat.isDirectory() ? 1 : 0)
  return entries.sort((a, b) => rank(a) - rank(b) || Buffer.compare(a.name, b.name))
}

/** What the cache says of these entries, as far as every blob of it is still here. */
async function lookUp(
  { statCache, stat }: SnapshotOptions,
  entries: readonly Entry[],
): Promise<(CachedFile | undefined)[]> {
  if (!statCache || !stat) return []
  const found = await statCache.getMany(
    entries.map(entry => (entry.stat.isFile() ? entry.below.toString('latin1') : '')),
  )
  const inDoubt = found.filter(file => file && file.isWhole !== true)
  if (inDoubt.length === 0) return found
  const refs = inDoubt.flatMap(file => (file ? [file.ref, ...file.needs] : []))
  const sizes = await stat(refs)
  const absent = new Set(refs.filter((_, at) => sizes[at] === undefined))
  const isHere = (file: CachedFile): boolean =>
    file.isWhole === true || ![file.ref, ...file.needs].some(ref => absent.has(ref))
  return found.map((file, at) => {
    if (!file || !isHere(file)) return undefined
    // The cache may know it the next time.
    if (file.isWhole !== true) statCache.put(entries[at]?.below.toString('latin1') ?? '', file)
    return file
  })
}

function openTop(source: string | Buffer): Entry {
  const full = typeof source === 'string' ? Buffer.from(resolve(source)) : source
  const slash = full.lastIndexOf(0x2f)
  const name = slash < 0 ? full : full.subarray(slash + 1)
  try {
    return { name, full, below: Buffer.alloc(0), stat: lstatSync(full, { bigint: true }) }
  } catch (error) {
    throw sourceError(full, error)
  }
}

function sourceError(full: Buffer, error: unknown): PeerkeepError {
  const message = `${displayName(full)} cannot be stored: ${reasonOf(error)}`
  return new PeerkeepError('NOT_FOUND', message, { cause: error })
}
