import type { BigIntStats } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Clock } from '../base/clock.ts'
import type { Door } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { FileFacts, Nanoseconds } from '../schema/schema-blob.ts'
import { type WritableSchema, writeSchema } from '../schema/write-schema.ts'
import { openBlockPool } from './block-pool.ts'
import { openContentReader } from './content-reader.ts'
import { type Intake, openIntake } from './intake.ts'
import { BUSY_MS_MAX, HARD_LINKS_MAX, PROBLEMS_MAX } from './limits.ts'
import { nodeFieldsOf, type SnapshotMode } from './node-fields.ts'
import { readOwnerNames } from './owner-names.ts'
import type { Problem } from './problem.ts'
import type { StatCache } from './stat-cache.ts'
import type { ContentParts } from './store-content.ts'

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
  /** Told of each file that was read, once it is durable, with the time at which it was changed last. */
  readonly onFacts?: ((facts: FileFacts, mtime: Nanoseconds) => void) | undefined
  readonly onProgress?: ((counts: SnapshotCounts) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SnapshotCounts {
  readonly files: number
  readonly directories: number
  /** Size of all files, read or not. */
  readonly bytes: number
  readonly bytesRead: number
  readonly newBytes: number
  /** Files that were not read again. */
  readonly unchanged: number
}

/** Something that lies in the tree. */
export interface Entry {
  readonly name: Buffer
  /** Its whole path. */
  readonly full: Buffer
  /** Its path below the source. */
  readonly below: Buffer
  readonly stat: BigIntStats
}

/** What all steps of one snapshot share. */
export interface SnapshotRun {
  readonly options: SnapshotOptions
  readonly intake: Intake
  readonly contentParts: ContentParts
  /** Aborts with the caller's signal, and with the first failure of the store: then nothing further is begun. */
  readonly signal: AbortSignal
  readonly counts: { -readonly [Key in Exclude<keyof SnapshotCounts, 'newBytes'>]: number }
  readonly problems: Problem[]
  /** Problems beyond those listed. */
  moreProblems(): number
  report(path: Uint8Array, reason: string): void
  /** Lets others run now and then, and throws when the snapshot is over. */
  pause(): Promise<void>
  /** Stores a schema blob; resolves once it is durable. */
  keep(schema: WritableSchema): Promise<BlobRef>
  fieldsOf(entry: Pick<Entry, 'name' | 'stat'>): ReturnType<typeof nodeFieldsOf>
  /** The path of the first name of an inode; undefined for the first name itself. */
  firstNameOf(entry: Entry): Buffer | undefined
  progress(): SnapshotCounts
  /** Ends what was begun with the snapshot. */
  close(): Promise<void>
}

export function openSnapshotRun(options: SnapshotOptions): SnapshotRun {
  const { clock, mode } = options
  const failure = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failure.signal]) : failure.signal
  const intake = openIntake(options.door, signal, error => failure.abort(error))
  const reader = openContentReader()
  const owners = readOwnerNames()
  const counts = { files: 0, directories: 0, bytes: 0, bytesRead: 0, unchanged: 0 }
  const problems: Problem[] = []
  let moreProblems = 0
  let breakAt = clock.monotonic() + BUSY_MS_MAX
  const progress = (): SnapshotCounts => ({ ...counts, newBytes: intake.newBytes })

  async function pause(): Promise<void> {
    signal.throwIfAborted()
    if (clock.monotonic() < breakAt) return
    options.onProgress?.(progress())
    await nextTurn()
    breakAt = clock.monotonic() + BUSY_MS_MAX
  }

  return {
    options,
    intake,
    contentParts: { intake, blocks: openBlockPool(), reader, pause },
    signal,
    counts,
    problems,
    moreProblems: () => moreProblems,
    report(path, reason) {
      if (problems.length < PROBLEMS_MAX) problems.push({ path, reason })
      else moreProblems += 1
    },
    pause,
    async keep(schema) {
      const { stored } = await intake.offer(writeSchema(schema))
      return (await stored).ref
    },
    fieldsOf: ({ name, stat }) => nodeFieldsOf(name, stat, { mode, owners }),
    firstNameOf: firstNames(mode),
    progress,
    close: () => reader.close(),
  }
}

/** Hard links are a backup's business only. */
function firstNames(mode: SnapshotMode): SnapshotRun['firstNameOf'] {
  const known = new Map<string, Buffer>()
  return ({ stat, below }) => {
    if (mode !== 'backup' || stat.nlink < 2n) return undefined
    const key = `${stat.dev}:${stat.ino}`
    const first = known.get(key)
    if (first === undefined && known.size < HARD_LINKS_MAX) known.set(key, below)
    return first
  }
}
