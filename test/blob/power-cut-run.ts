import assert from 'node:assert/strict'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { checkStore } from '../../src/blob/check.ts'
import { compactPacks } from '../../src/blob/compact-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { PackStore } from '../../src/blob/pack-store.ts'
import type { SimFiles } from '../sim/sim-files.ts'
import type { SimRandom } from '../sim/sim-random.ts'
import { type Operation, type PowerCutModel, openPowerCutModel } from './power-cut-model.ts'
import { type ProcessFiles, openProcessFiles } from './power-cut-process.ts'

/** Opens a store and its index over the files of one process. */
export type OpenStore = (files: ProcessFiles) => Promise<PackStore>

export interface PowerCutRun {
  readonly disk: SimFiles
  readonly random: SimRandom
  readonly open: OpenStore
}

export const indexDirectory = '/home/index'

const roundsMax = 5
const actionsMax = 40
const contentsMax = 12

/**
 * One disk, several lives of a process on it. Each puts and removes by chance, many at once, until
 * the power goes or it is killed, at any operation, also while it starts; the next start must then
 * find everything that was acknowledged, and nothing that was removed. Throws when it does not.
 */
export async function runPowerCuts({ disk, random, open }: PowerCutRun): Promise<void> {
  const model = openPowerCutModel()
  const contents = contentsOf(random)
  // Where the index is often lost, what was left lying in the packs comes to light.
  const indexLoss = random.pick([0.1, 0.4])
  let current = disk
  for (let round = 1 + random.below(roundsMax); round > 0; round--) {
    if (random.chance(0.9)) current.cutAfter(1 + random.below(random.pick([30, 120, 400])))
    const isSyncLost = await liveOnce({ disk: current, random, open }, model, contents)
    current.cutAfter(Infinity)
    // A killed process leaves the disk as it is; sometimes the power goes after that. What a failed
    // sync lost reads well until then, which no program could see: such a disk is not started from.
    if (current.isOff || isSyncLost || random.chance(0.5)) current = current.powerCut(random)
    if (random.chance(indexLoss)) await loseIndex(current)
  }
  const process = openProcessFiles(current)
  const store = await open(process)
  await checkAll(store, model)
  await store.close()
}

/**
 * The store holds what the model says, and packs and index agree. What a torn write left unreadable between whole
 * records may be told: nothing can tell it from rot.
 */
async function checkAll(store: PackStore, model: PowerCutModel): Promise<void> {
  await model.check(store)
  const { directories, index } = store
  for await (const damage of checkStore({ directories, index, readData: true })) {
    assert.ok(['header', 'payload', 'truncated'].includes(damage.kind), damage.message)
  }
}

async function liveOnce(
  { disk, random, open }: PowerCutRun,
  model: PowerCutModel,
  contents: readonly Uint8Array[],
): Promise<boolean> {
  const process = openProcessFiles(disk)
  let isSyncLost = false
  const running = new Set<Promise<void>>()
  try {
    const store = await open(process)
    await checkAll(store, model)
    // Sometimes an operation of the disk fails, once or for a while.
    if (random.chance(0.3)) failSometimes(disk, random, () => (isSyncLost = true))
    for (let action = random.below(actionsMax); action > 0; action--) {
      await act({ disk, files: process, store, model, random, contents, running })
    }
    if (random.chance(0.3)) {
      await Promise.all(running)
      await store.close()
    }
  } catch (error) {
    // Without power nothing can be expected of it; a failing disk may end it too.
    if (!isPeerkeepError(error)) throw error
  } finally {
    disk.failure = undefined
    process.kill()
    // A dead process answers nobody: what it still finds out counts for nothing.
    model.forgetRunning()
    await Promise.all(running)
  }
  return isSyncLost
}

interface Scene {
  readonly disk: SimFiles
  readonly files: ProcessFiles
  readonly store: PackStore
  readonly model: PowerCutModel
  readonly random: SimRandom
  readonly contents: readonly Uint8Array[]
  readonly running: Set<Promise<void>>
}

async function act({ disk, files, store, model, random, contents, running }: Scene): Promise<void> {
  const start = (operation: Operation, work: Promise<unknown>): void => {
    const run: Promise<void> = settle(disk, operation, work).finally(() => running.delete(run))
    running.add(run)
  }
  const choice = random.below(13)
  if (choice < 5) {
    const bytes = random.pick(contents)
    start(model.addBegins(refOf(bytes)), openDoor(store, () => undefined).receive(bytes))
  } else if (choice < 8) {
    const refs = [...new Set([random.pick(contents), random.pick(contents)].map(refOf))]
    start(model.removalBegins(refs), store.remove(refs))
  } else if (choice < 10) {
    await Promise.all(running)
  } else if (choice < 12) {
    // Beside whatever else is under way: a person deletes while it works.
    start(compaction, compactOneAtATime(store, files))
  } else {
    const ref: BlobRef = refOf(random.pick(contents))
    await store.fetch(ref)
  }
}

const compactions = new WeakMap<PackStore, Promise<unknown>>()

/** Packs here are tiny: one is worth it as soon as anything in it is dead. */
async function compactOneAtATime(store: PackStore, files: ProcessFiles): Promise<void> {
  const before = compactions.get(store)
  const run = (async () => {
    await before?.catch(() => undefined)
    await compactPacks(store, files, ({ length, dead }) => length > 0 && dead > 0)
  })()
  compactions.set(store, run)
  await run
}

/** A compaction changes nothing that anybody sees. */
const compaction: Operation = { acknowledged: () => undefined, failed: () => undefined }

async function settle(disk: SimFiles, operation: Operation, work: Promise<unknown>): Promise<void> {
  try {
    await work
    // Without power nobody hears the answer.
    if (disk.isOff) operation.failed()
    else operation.acknowledged()
  } catch (error) {
    if (!isPeerkeepError(error)) throw error
    operation.failed()
  }
}

function failSometimes(disk: SimFiles, random: SimRandom, onSyncLost: () => void): void {
  let from = random.below(40)
  let left = 1 + random.below(4)
  disk.failure = kind => {
    const canFail = kind !== 'read' && kind !== 'open'
    if (!canFail || from-- > 0 || left-- <= 0) return undefined
    if (kind === 'syncFile') onSyncLost()
    return random.chance(0.5) ? 'DISK_FULL' : 'IO'
  }
}

/** Some blobs of each kind: empty, tiny, and larger than a pack of these tests can be. */
function contentsOf(random: SimRandom): Uint8Array[] {
  const count = 3 + random.below(random.chance(0.5) ? 2 : contentsMax)
  return Array.from({ length: count }, (_, i) => {
    const isSchema = random.chance(0.2)
    const text = isSchema ? `{"camliVersion": 1, "i": ${i}}` : `data ${i} `
    const filler = random.bytes(random.chance(0.1) ? 600 : random.below(80))
    return new Uint8Array(i === 0 ? [] : [...Buffer.from(text), ...filler])
  })
}

/** The index is only a cache: a person may delete it, or its disk may fail. */
async function loseIndex(disk: SimFiles): Promise<void> {
  for (const name of (await disk.list(indexDirectory)) ?? []) {
    await disk.remove(`${indexDirectory}/${name}`)
  }
  if ((await disk.list(indexDirectory)) !== undefined) await disk.syncDirectory(indexDirectory)
}
