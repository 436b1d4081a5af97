import type { BigIntStats } from 'node:fs'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs'
import { basename, resolve } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Door } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { FileFacts } from '../schema/schema-blob.ts'
import { writeStaticSet } from '../schema/static-set.ts'
import { writeSchema, type WritableSchema } from '../schema/write-schema.ts'
import { openBlockPool } from './block-pool.ts'
import { factsOfContent } from './facts.ts'
import { openIntake } from './intake.ts'
import { BUSY_MS_MAX, FRESH_MS, HARD_LINKS_MAX, PROBLEMS_MAX } from './limits.ts'
import { nodeFieldsOf, signatureOf, type SnapshotMode } from './node-fields.ts'
import { readOwnerNames } from './owner-names.ts'
import { joinPath } from './path-bytes.ts'
import { type Problem, reasonOf } from './problem.ts'
import type { CachedFile, StatCache } from './stat-cache.ts'
import { readContent } from './store-content.ts'
import { openWholeHasher } from './whole-hash.ts'

export interface SnapshotOptions {
  /** The folder or file; its own name is what the top blob is called. */
  readonly source: string | Buffer
  readonly door: Door
  readonly clock: Clock
  readonly mode: SnapshotMode
  readonly statCache?: StatCache | undefined
  /** Whether blobs are still here, as a store's `stat`: without it nothing cached is believed. */
  readonly stat?: ((refs: readonly BlobRef[]) => Promise<(number | undefined)[]>) | undefined
  /** True for what to leave out; the path is below the source. */
  readonly exclude?: ((path: Uint8Array, isDirectory: boolean) => boolean) | undefined
  readonly oneFileSystem?: boolean | undefined
  /** Told of each file that was read, once it is durable. */
  readonly onFacts?: ((facts: FileFacts) => void) | undefined
  readonly onProgress?: ((counts: SnapshotCounts) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

interface SnapshotCounts {
  readonly files: number
  readonly directories: number
  /** Size of all files, read or not. */
  readonly bytes: number
  readonly bytesRead: number
  readonly newBytes: number
  /** Files that were not read again. */
  readonly unchanged: number
}

export interface SnapshotResult extends SnapshotCounts {
  readonly root: BlobRef
  readonly problems: readonly Problem[]
  /** Problems beyond those listed. */
  readonly moreProblems: number
}

interface Entry {
  readonly name: Buffer
  readonly full: Buffer
  readonly below: Buffer
  readonly stat: BigIntStats
}

/**
 * Stores a tree, children first, and resolves once all of it is durable. What cannot be read, vanishes or
 * changes meanwhile is a problem of the result. Rejects when the source itself cannot be read (`NOT_FOUND`),
 * when the store fails, or with the signal's reason.
 */
// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export async function snapshotTree(options: SnapshotOptions): Promise<SnapshotResult> {
  const { clock, signal, mode, statCache } = options
  const intake = openIntake(options.door, signal)
  const owners = readOwnerNames()
  const hasher = openWholeHasher()
  const firstNames = new Map<string, Buffer>()
  const problems: Problem[] = []
  const counts = { files: 0, directories: 0, bytes: 0, bytesRead: 0, unchanged: 0 }
  let moreProblems = 0
  let breakAt = clock.monotonic() + BUSY_MS_MAX

  const contentParts = { intake, blocks: openBlockPool(), hasher, pause }
  const progress = (): SnapshotCounts => ({ ...counts, newBytes: intake.newBytes })

  function report(path: Uint8Array, reason: string): void {
    if (problems.length < PROBLEMS_MAX) problems.push({ path, reason })
    else moreProblems += 1
  }

  async function pause(): Promise<void> {
    signal?.throwIfAborted()
    if (clock.monotonic() < breakAt) return
    options.onProgress?.(progress())
    await nextTurn()
    breakAt = clock.monotonic() + BUSY_MS_MAX
  }

  async function keep(schema: WritableSchema): Promise<BlobRef> {
    const { stored } = await intake.offer(writeSchema(schema))
    return (await stored).ref
  }

  function fieldsOf({ name, stat }: Entry): ReturnType<typeof nodeFieldsOf> {
    return nodeFieldsOf(name, stat, { mode, owners })
  }

  /** The path of the first name of an inode, undefined for the first name itself. */
  function firstNameOf({ stat, below }: Entry): Buffer | undefined {
    if (mode !== 'backup' || stat.nlink < 2n) return undefined
    const key = `${stat.dev}:${stat.ino}`
    const first = firstNames.get(key)
    if (first === undefined && firstNames.size < HARD_LINKS_MAX) firstNames.set(key, below)
    return first
  }

  async function storeFile(
    entry: Entry,
    cached: CachedFile | undefined,
  ): Promise<(() => Promise<BlobRef>) | undefined> {
    const hardlink = firstNameOf(entry)
    const linked = hardlink === undefined ? '' : `:${hardlink.toString('latin1')}`
    if (cached?.signature === signatureOf(entry.stat, mode) + linked) {
      counts.files += 1
      counts.unchanged += 1
      counts.bytes += Number(entry.stat.size)
      return async () => cached.ref
    }
    const readAt = clock.now()
    // Without O_NONBLOCK a fifo that took the file's place would hang the backup.
    const file = openSync(
      entry.full,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
    try {
      const stat = fstatSync(file, { bigint: true })
      if (!stat.isFile()) {
        report(entry.below, 'it is no longer a file')
        return undefined
      }
      const content = await readContent(file, Number(stat.size), contentParts)
      const after = fstatSync(file, { bigint: true })
      const isStable =
        after.size === stat.size &&
        after.mtimeNs === stat.mtimeNs &&
        content.size === Number(stat.size)
      if (!isStable) report(entry.below, 'it changed while it was read; what was read is stored')
      counts.files += 1
      counts.bytes += content.size
      counts.bytesRead += content.size
      const signature = signatureOf(stat, mode) + linked
      const youngest = stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs
      const isOld = Number(youngest / 1_000_000n) < readAt - FRESH_MS
      return async () => {
        const { parts, wholeRef, blobs } = await content.finish()
        const fields = { ...fieldsOf({ ...entry, stat }), hardlink }
        const ref = await keep({ type: 'file', ...fields, parts })
        if (isStable && isOld) {
          statCache?.put(entry.below.toString('latin1'), { signature, ref, needs: blobs })
        }
        if (options.onFacts) {
          const facts = await factsOfContent(content.head)
          options.onFacts({ file: ref, wholeRef, size: content.size, ...facts })
        }
        return ref
      }
    } finally {
      closeSync(file)
    }
  }

  async function storeEntry(
    entry: Entry,
    cached: CachedFile | undefined,
  ): Promise<(() => Promise<BlobRef>) | undefined> {
    const { stat } = entry
    if (stat.isDirectory()) return storeDirectory(entry)
    if (stat.isFile()) return storeFile(entry, cached)
    if (stat.isSymbolicLink()) {
      const target = readlinkSync(entry.full, { encoding: 'buffer' })
      return () => keep({ type: 'symlink', ...fieldsOf(entry), target })
    }
    const isDevice = stat.isBlockDevice() || stat.isCharacterDevice()
    if (isDevice && mode === 'backup') {
      report(entry.below, 'device nodes are not stored')
      return undefined
    }
    return () => keep({ type: stat.isFIFO() ? 'fifo' : 'socket', ...fieldsOf(entry) })
  }

  function listEntries(directory: Entry): Entry[] {
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
  async function lookUp(entries: readonly Entry[]): Promise<(CachedFile | undefined)[]> {
    if (!statCache || !options.stat) return []
    const found = await statCache.getMany(
      entries.map(entry => (entry.stat.isFile() ? entry.below.toString('latin1') : '')),
    )
    const refs = found.flatMap(file => (file ? [file.ref, ...file.needs] : []))
    const sizes = await options.stat(refs)
    const absent = new Set(refs.filter((_, at) => sizes[at] === undefined))
    return found.map(file =>
      file && ![file.ref, ...file.needs].some(ref => absent.has(ref)) ? file : undefined,
    )
  }

  async function storeDirectory(directory: Entry): Promise<() => Promise<BlobRef>> {
    const finishing: Promise<BlobRef | undefined>[] = []
    counts.directories += 1
    const isOther = options.oneFileSystem === true && directory.stat.dev !== top.stat.dev
    const entries = isOther ? [] : listEntries(directory)
    const cached = await lookUp(entries)
    for (const [at, entry] of entries.entries()) {
      await pause()
      try {
        const finish = await storeEntry(entry, cached[at])
        if (finish === undefined) continue
        const ref = finish()
        ref.catch(() => undefined)
        finishing.push(ref)
      } catch (error) {
        signal?.throwIfAborted()
        report(entry.below, reasonOf(error))
      }
    }
    return async () => {
      const refs = (await Promise.all(finishing)).filter(ref => ref !== undefined)
      const set = writeStaticSet(refs)
      await Promise.all(set.blobs.map(async bytes => (await intake.offer(bytes)).stored))
      return keep({ type: 'directory', ...fieldsOf(directory), entries: set.top })
    }
  }

  const top = openTop(options.source)
  const [cachedTop] = await lookUp([top])
  let root: BlobRef
  try {
    const finishTop = await storeEntry(top, cachedTop)
    if (finishTop === undefined) throw new PeerkeepError('IO', 'a device node cannot be stored')
    root = await finishTop()
  } finally {
    await hasher.close()
  }
  return { ...progress(), root, problems, moreProblems }
}

function openTop(source: string | Buffer): Entry {
  const full = typeof source === 'string' ? Buffer.from(resolve(source)) : source
  const slash = full.lastIndexOf(0x2f)
  const name = slash < 0 ? full : full.subarray(slash + 1)
  try {
    return { name, full, below: Buffer.alloc(0), stat: lstatSync(full, { bigint: true }) }
  } catch (error) {
    const message = `${basename(full.toString())} cannot be stored: ${reasonOf(error)}`
    throw new PeerkeepError('NOT_FOUND', message, { cause: error })
  }
}
