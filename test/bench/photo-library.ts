import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { makePhotoTree } from '../trees/photo-tree.ts'
import { type Cost, countSyncs, measure, median, rounded } from './measure.ts'

/** Runs of each figure; the median is told. */
const RUNS = 3

const peerkeepProgram = join(import.meta.dirname, '..', '..', 'bin', 'peerkeep')

/** The size of the library, by `BENCH_MIB` and `BENCH_SMALL`: 2 GiB and 20,000 small files. */
const size = {
  mib: Number(process.env['BENCH_MIB'] ?? 2048),
  small: Number(process.env['BENCH_SMALL'] ?? 20_000),
}

/** A directory with the photo library in it, shared by the questions of one run. */
let library: string | undefined

export function photoLibrary(): string {
  if (library === undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'peerkeep-bench-'))
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
    makePhotoTree(join(directory, 'photos'), size)
    library = directory
  }
  return library
}

/** One of the two programs on a repository of its own, made anew by `reset`. */
export interface Keeper {
  readonly name: string
  reset(): Promise<void>
  backup(): Promise<Cost>
  restore(): Promise<Cost>
  check(): Promise<Cost>
  /** The repository's directory. */
  readonly repository: string
}

interface Peerkeep extends Keeper {
  run(...args: string[]): Promise<Cost>
  countBackupSyncs(): Promise<number | undefined>
}

export function peerkeep(): Peerkeep {
  const work = photoLibrary()
  const home = join(work, 'home')
  const source = join(work, 'photos')
  const env = { ...process.env, PEERKEEP_HOME: home }
  const go = (...args: string[]): Promise<Cost> => measure(peerkeepProgram, args, env)
  return {
    name: 'peerkeep',
    repository: home,
    async reset() {
      rmSync(home, { recursive: true, force: true })
      await go('init', '--words-file', join(fresh(work, 'words'), 'words'))
    },
    backup: () => go('backup', source),
    restore: () => go('restore', 'photos', '-o', fresh(work, 'restored')),
    check: () => go('check', '--read-data'),
    run: go,
    countBackupSyncs: () => countSyncs(peerkeepProgram, ['backup', source], env),
  }
}

/** Debian's restic; undefined where it is not installed. */
export function restic(): Keeper | undefined {
  if (!existsSync('/usr/bin/restic')) return undefined
  const work = photoLibrary()
  const repository = join(work, 'restic')
  const env = { ...process.env, RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(work, 'cache') }
  const go = (...args: string[]): Promise<Cost> =>
    measure('restic', ['-q', '-r', repository, ...args], env)
  return {
    name: 'restic',
    repository,
    async reset() {
      rmSync(repository, { recursive: true, force: true })
      await go('init')
    },
    backup: () => go('backup', join(work, 'photos')),
    restore: () => go('restore', 'latest', '--target', fresh(work, 'restored')),
    check: () => go('check', '--read-data'),
  }
}

/**
 * A directory that was not there before. What an earlier run restored stays until the end: for a while after many
 * inodes were freed, ext4 makes new ones twenty times as slowly, and whoever runs first would pay for all.
 */
function fresh(work: string, name: string): string {
  return mkdtempSync(join(work, `${name}-`))
}

/** Runs the same work on both in turn, each first every other time, and tells medians and their ratio. */
export async function compare(
  work: (keeper: Keeper) => Promise<Cost>,
): Promise<Readonly<Record<string, unknown>>> {
  const ours: Cost[] = []
  const theirs: Cost[] = []
  const [mine, other] = [peerkeep(), restic()]
  for (let at = 0; at < RUNS; at += 1) {
    if (other && at % 2 === 1) theirs.push(await work(other))
    ours.push(await work(mine))
    if (other && at % 2 === 0) theirs.push(await work(other))
  }
  const seconds = median(ours.map(cost => cost.seconds))
  const resticSeconds = other ? median(theirs.map(cost => cost.seconds)) : undefined
  return {
    seconds: rounded(seconds),
    peakMib: Math.max(...ours.map(cost => cost.peakMib ?? 0)),
    resticSeconds: resticSeconds === undefined ? null : rounded(resticSeconds),
    ratio: resticSeconds === undefined ? null : rounded(seconds / resticSeconds),
  }
}
