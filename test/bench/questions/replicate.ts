import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { mustRun } from '../../process/peerkeep-process.ts'
import { makePhotoTree } from '../../trees/photo-tree.ts'
import { type Device, joinDevice, startDevice, until } from '../devices.ts'
import { median, rounded } from '../measure.ts'
import { photoLibrary } from '../photo-library.ts'
import { countLineBytes, memoryMib } from '../process-figures.ts'
import { benchDirectory } from '../store-in-process.ts'
import {
  connectSyncthings,
  hasSyncthing,
  isComplete,
  setFolder,
  startSyncthing,
} from '../syncthing.ts'

/** Runs of each figure; the median is told. */
const RUNS = Number(process.env['BENCH_RUNS'] ?? 3)

/** Size of the library whose bytes on the line are counted. */
const COUNTED = { mib: 256, small: 2000 }

/** How often the bytes on the line are looked at, in milliseconds. */
const COUNT_EVERY_MS = 200

interface Replication {
  readonly seconds: number
  readonly peakMibs: readonly number[]
}

/**
 * How long does an empty device take from its `up` until the first one knows that it has all of a backup, against
 * Syncthing, which sends the same tree from the moment on that the folder is shared? And how many bytes go over the
 * line for each new one?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const work = photoLibrary()
  const photos = join(work, 'photos')
  const home = await backUp(join(work, 'replicated'), photos)
  const ours: Replication[] = []
  const theirs: Replication[] = []
  for (let at = 0; at < RUNS; at += 1) {
    const directory = join(work, `replication-${at}`)
    if (hasSyncthing() && at % 2 === 1) theirs.push(await replicateBySyncthing(photos, directory))
    ours.push(await replicate(home, directory))
    if (hasSyncthing() && at % 2 === 0) theirs.push(await replicateBySyncthing(photos, directory))
  }
  const figures = compared(ours, theirs)
  const bytesOnLinePerNewByte = await countBytes()
  return {
    ...figures,
    bytesOnLinePerNewByte: bytesOnLinePerNewByte ? rounded(bytesOnLinePerNewByte) : null,
    required: 'ratio <= 0.65, peakMibGiving and peakMibTaking < 300, bytesOnLinePerNewByte <= 1.03',
    isReached:
      (figures.ratio ?? Infinity) <= 0.65 &&
      Math.max(figures.peakMibGiving, figures.peakMibTaking) < 300 &&
      (bytesOnLinePerNewByte ?? Infinity) <= 1.03,
  }
}

interface Figures {
  readonly seconds: number
  readonly syncthingSeconds: number | null
  readonly ratio: number | null
  readonly peakMibGiving: number
  readonly peakMibTaking: number
  readonly syncthingPeakMibGiving: number | null
  readonly syncthingPeakMibTaking: number | null
}

function compared(ours: readonly Replication[], theirs: readonly Replication[]): Figures {
  const seconds = median(ours.map(run => run.seconds))
  const syncthingSeconds = theirs.length > 0 ? median(theirs.map(run => run.seconds)) : undefined
  const peakMib = (runs: readonly Replication[], side: number): number =>
    Math.max(...runs.map(run => run.peakMibs[side] ?? 0))
  return {
    seconds: rounded(seconds),
    syncthingSeconds: syncthingSeconds === undefined ? null : rounded(syncthingSeconds),
    ratio: syncthingSeconds === undefined ? null : rounded(seconds / syncthingSeconds),
    peakMibGiving: peakMib(ours, 0),
    peakMibTaking: peakMib(ours, 1),
    syncthingPeakMibGiving: theirs.length > 0 ? peakMib(theirs, 0) : null,
    syncthingPeakMibTaking: theirs.length > 0 ? peakMib(theirs, 1) : null,
  }
}

/** A home with a backup called `photos`. */
async function backUp(directory: string, photos: string): Promise<string> {
  mkdirSync(directory)
  const home = join(directory, 'home')
  await mustRun(home, 'init', '--words-file', join(directory, 'words'))
  await mustRun(home, 'backup', photos, '--name', 'photos')
  return home
}

/** Brings the backup of a home to a new device; each time from a copy, in which nothing else is. */
async function replicate(home: string, directory: string): Promise<Replication> {
  const [giving, taking] = [join(directory, 'giving'), join(directory, 'taking')]
  cpSync(home, giving, { recursive: true })
  await using first = await startDevice(giving)
  await joinDevice(first, taking, 'nas')
  const begin = performance.now()
  const held = untilHeld(first)
  await using second = await startDevice(taking)
  await held
  const seconds = (performance.now() - begin) / 1000
  const peakMibs = [first, second].map(({ pid }) => memoryMib(pid, 'VmHWM'))
  await second.stop()
  await first.stop()
  await mustRun(taking, 'check', '--read-data')
  rmSync(giving, { recursive: true })
  rmSync(taking, { recursive: true })
  return { seconds, peakMibs }
}

function untilHeld({ home }: Device): Promise<string> {
  return mustRun(home, 'wait', 'photos', '--copies', '2', '--timeout', '30m')
}

/** The same by Syncthing, which has looked through the folder and is connected before it is shared. */
async function replicateBySyncthing(photos: string, directory: string): Promise<Replication> {
  const [giving, taking] = [
    join(directory, 'syncthing-giving'),
    join(directory, 'syncthing-taking'),
  ]
  const files = countFiles(photos)
  await using first = await startSyncthing(giving)
  await using second = await startSyncthing(taking)
  await connectSyncthings(first, second)
  const ofFirst = { path: photos, marker: 'small' }
  await setFolder(first, { ...ofFirst, with: [first] })
  await until(() => isComplete(first, files))
  const begin = performance.now()
  // What is restored stays until the end, as in the other questions.
  await setFolder(second, {
    path: join(directory, 'synced'),
    marker: 'small',
    with: [first, second],
  })
  await setFolder(first, { ...ofFirst, with: [first, second] })
  await until(() => isComplete(second, files))
  const seconds = (performance.now() - begin) / 1000
  return { seconds, peakMibs: [first, second].map(({ pid }) => memoryMib(pid, 'VmHWM')) }
}

function countFiles(directory: string): number {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true })
  return entries.filter(entry => entry.isFile()).length
}

/** Bytes over the line, both ways, for each byte of a blob that is new; undefined where nobody counts. */
async function countBytes(): Promise<number | undefined> {
  const work = benchDirectory()
  const photos = join(work, 'photos')
  makePhotoTree(photos, COUNTED)
  const home = await backUp(join(work, 'counted'), photos)
  await using first = await startDevice(home)
  await joinDevice(first, join(work, 'taking'), 'nas')
  const line = countLineBytes(first.pid)
  const held = untilHeld(first)
  const counting = setInterval(() => line.look(), COUNT_EVERY_MS)
  await using second = await startDevice(join(work, 'taking'))
  await held
  clearInterval(counting)
  const bytes = line.look()
  const { value } = await second.ask('stats')
  await second.stop()
  await first.stop()
  return bytes === undefined ? undefined : bytes / (value as { blobBytes: number }).blobBytes
}
