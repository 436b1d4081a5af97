import type { BlobRef } from '../../../src/blob/ref.ts'
import { buildSetTrie, decodeSetTrie, type SetTrie } from '../../../src/peer/set-trie.ts'
import { converse } from '../../peer/conversation.ts'
import { manyRefs, refNumber } from '../../peer/refs.ts'
import { median, rounded } from '../measure.ts'

const REFS = Number(process.env['BENCH_REFS'] ?? 1_000_000)

/** Runs of each figure; the median is told. The first ones are of code that was not compiled yet. */
const RUNS = 5

/** Refs put in, one after the other, to see what one costs. */
const INSERTS = 100_000

const key = new Uint8Array(32).fill(7)

interface Required {
  readonly differences: number
  readonly bytes: number
  readonly roundTrips: number
  readonly cpuMilliseconds: number | undefined
}

/** What each difference may cost: bytes below, the others at most. */
const required: readonly Required[] = [
  { differences: 0, bytes: 200, roundTrips: 1, cpuMilliseconds: undefined },
  { differences: 10, bytes: 8000, roundTrips: 3, cpuMilliseconds: 20 },
  { differences: 1000, bytes: 350_000, roundTrips: 3, cpuMilliseconds: 60 },
]

/**
 * What does it cost two devices with a million refs to find out how they differ, and one of them to keep up the trie
 * that this takes: for a new ref, and at a start with and without a checkpoint?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const refs = [...manyRefs(0, REFS)]
  const { trie: mine, ...upkeep } = await upkeepOf(refs)
  const comparisons = required.map(asked => {
    const figures = compareWith(mine, asked)
    return { ...figures, isReached: isWithin(figures, asked) }
  })
  return {
    refs: REFS,
    ...upkeep,
    comparisons,
    required:
      'microsecondsPerInsert <= 2, decodeMilliseconds < 300, buildSeconds < 4; by differences: ' +
      required.map(describeRequired).join('; '),
    isReached:
      upkeep.microsecondsPerInsert <= 2 &&
      upkeep.decodeMilliseconds < 300 &&
      upkeep.buildSeconds < 4 &&
      comparisons.every(comparison => comparison.isReached),
  }
}

interface Upkeep {
  readonly trie: SetTrie
  readonly microsecondsPerInsert: number
  readonly checkpointBytesPerRef: number
  readonly decodeMilliseconds: number
  readonly buildSeconds: number
}

async function upkeepOf(refs: readonly BlobRef[]): Promise<Upkeep> {
  const begin = performance.now()
  const trie = await buildSetTrie(key, refs)
  const buildSeconds = (performance.now() - begin) / 1000
  const checkpoint = trie.encode()
  const decodeMilliseconds = medianOfRuns(() => void decoded(checkpoint))
  const late = [...manyRefs(REFS, INSERTS)]
  const inserting = decoded(checkpoint)
  const insertMilliseconds = timed(() => late.forEach(ref => inserting.insert(ref)))
  return {
    trie,
    microsecondsPerInsert: rounded((insertMilliseconds * 1000) / INSERTS),
    checkpointBytesPerRef: rounded(checkpoint.length / refs.length),
    decodeMilliseconds: rounded(decodeMilliseconds),
    buildSeconds: rounded(buildSeconds),
  }
}

interface Comparison {
  readonly differences: number
  readonly bytes: number
  readonly roundTrips: number
  readonly cpuMilliseconds: number
}

function compareWith(mine: SetTrie, { differences }: Required): Comparison {
  const theirs = decoded(mine.encode())
  // Half of them lack there, half of them here.
  for (let at = 0; at < differences / 2; at += 1) {
    theirs.delete(refNumber(Math.floor((at * REFS) / differences)))
    theirs.insert(refNumber(2 * REFS + at))
  }
  const { bytes, turns, asks } = converse(mine, theirs)
  const found = asks.theyLack.length + asks.weLack.length
  if (found !== differences) throw new Error(`${found} of ${differences} differences found`)
  // The hellos cross; of what follows, two turns are a round trip, and the last message needs no answer.
  const roundTrips = 1 + Math.floor((turns - 1) / 2)
  const begin = process.cpuUsage()
  for (let at = 0; at < RUNS; at += 1) converse(mine, theirs)
  const { user, system } = process.cpuUsage(begin)
  const cpuMilliseconds = (user + system) / 1000 / RUNS
  return { differences, bytes, roundTrips, cpuMilliseconds: rounded(cpuMilliseconds) }
}

function isWithin(figures: Comparison, most: Required): boolean {
  return (
    figures.bytes < most.bytes &&
    figures.roundTrips <= most.roundTrips &&
    figures.cpuMilliseconds <= (most.cpuMilliseconds ?? Infinity)
  )
}

function describeRequired(asked: Required): string {
  const { differences, bytes, roundTrips, cpuMilliseconds } = asked
  const cpu = cpuMilliseconds === undefined ? '' : `, cpuMilliseconds <= ${cpuMilliseconds}`
  return `${differences}: bytes < ${bytes}, roundTrips <= ${roundTrips}${cpu}`
}

function decoded(checkpoint: Uint8Array): SetTrie {
  const trie = decodeSetTrie(key, checkpoint)
  if (!trie) throw new Error('the checkpoint is refused')
  return trie
}

function medianOfRuns(work: () => void): number {
  return median(Array.from({ length: RUNS }, () => timed(work)))
}

function timed(work: () => void): number {
  const begin = performance.now()
  work()
  return performance.now() - begin
}
