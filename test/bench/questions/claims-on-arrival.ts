import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { isPeerkeepError } from '../../../src/base/errors.ts'
import type { JsonValue } from '../../../src/base/json.ts'
import { openDoor } from '../../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../../src/blob/ref.ts'
import { homePaths } from '../../../src/node/home.ts'
import { makeClaim, makePermanode } from '../../../src/schema/claims.ts'
import { bulkSigner } from '../../../src/schema/ed25519-signer.ts'
import type { Signer } from '../../../src/schema/signer.ts'
import { ownerSeed, readWords } from '../../../src/schema/words.ts'
import { mustRun } from '../../process/peerkeep-process.ts'
import { type Device, joinDevice, startDevice, until } from '../devices.ts'
import { rounded } from '../measure.ts'
import { memoryMib } from '../process-figures.ts'
import { benchDirectory, inParallel, openStoreAt } from '../store-in-process.ts'

const CLAIMS = Number(process.env['BENCH_ARRIVALS'] ?? 100_000)

/** Claims of one permanode: enough that most of what arrives is claims, few enough to be like a person's. */
const CLAIMS_OF_PERMANODE = 20

/** Makes a signed claim about 1 kB long. */
const VALUE_BYTES = 400

/** One claim of so many is looked for while they arrive; to count all of them takes the device's time. */
const ONE_LOOKED_AT_OF = 500

/** Required, of a device with two workers that verify. */
const PER_SECOND_MIN = 5000

/**
 * How many claims a second does an empty device receive, verify and index, from its `up` on until all are in its
 * index?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const work = benchDirectory()
  const [home, words] = [join(work, 'laptop'), join(work, 'words')]
  await mustRun(home, 'init', '--words-file', words)
  const { bytes, some } = await fillWithClaims(
    home,
    bulkSigner(ownerSeed(readWords(readText(words)))),
  )
  await using laptop = await startDevice(home)
  await joinDevice(laptop, join(work, 'nas'), 'nas')
  const wanted = await claimsOf(laptop)
  const begin = performance.now()
  await using nas = await startDevice(join(work, 'nas'))
  await until(async () => (await knowsAll(nas, some)) && (await claimsOf(nas)) >= wanted)
  const seconds = (performance.now() - begin) / 1000
  const figures = {
    claims: CLAIMS,
    bytesOfClaim: Math.round(bytes / CLAIMS),
    seconds: rounded(seconds),
    perSecond: rounded(CLAIMS / seconds),
    peakMibGiving: memoryMib(laptop.pid, 'VmHWM'),
    peakMibTaking: memoryMib(nas.pid, 'VmHWM'),
    required: `perSecond >= ${PER_SECOND_MIN}`,
    isReached: CLAIMS / seconds >= PER_SECOND_MIN,
  }
  await nas.stop()
  await laptop.stop()
  return figures
}

/** Puts claims by the owner's own key into the store of a home that nobody has open; their bytes, and some of them. */
async function fillWithClaims(
  home: string,
  owner: Signer,
): Promise<{ bytes: number; some: BlobRef[] }> {
  const paths = homePaths(home, tmpdir())
  const { store, close } = await openStoreAt(home, paths.blobIndex)
  const door = openDoor(store, () => undefined)
  const permanodes = Array.from({ length: Math.ceil(CLAIMS / CLAIMS_OF_PERMANODE) }, () =>
    makePermanode({ random: randomBytes(20) }, owner, 1n),
  )
  await inParallel(1000, permanodes.length, async at => {
    const permanode = permanodes[at]
    if (permanode) await door.receive(permanode)
  })
  const refs = permanodes.map(permanode => refOf(permanode))
  const some: BlobRef[] = []
  let bytes = 0
  await inParallel(1000, CLAIMS, async at => {
    const permanode = refs[at % refs.length]
    if (permanode === undefined) return
    const value = randomBytes(VALUE_BYTES / 2).toString('hex')
    const attribute = {
      claimType: 'set-attribute',
      permanode,
      attribute: `note ${at % 7}`,
    } as const
    const claim = makeClaim({ ...attribute, value }, owner, BigInt(at + 2))
    bytes += claim.length
    const { ref } = await door.receive(claim)
    if (at % ONE_LOOKED_AT_OF === 0) some.push(ref)
  })
  await close()
  return { bytes, some }
}

/** A look that costs the device next to nothing; takes off the list what its index knows. */
async function knowsAll(device: Device, refs: BlobRef[]): Promise<boolean> {
  for (let ref = refs.at(-1); ref !== undefined; ref = refs.at(-1)) {
    if (!(await knows(device, ref))) return false
    refs.pop()
  }
  return true
}

async function knows(device: Device, ref: BlobRef): Promise<boolean> {
  try {
    return typeOf((await device.ask('describe', { ref })).value) === 'claim'
  } catch (error) {
    if (isPeerkeepError(error, 'NOT_FOUND')) return false
    throw error
  }
}

function typeOf(described: JsonValue): unknown {
  return (described as { type?: unknown }).type
}

async function claimsOf(device: Device): Promise<number> {
  const { value } = await device.ask('stats')
  return (value as { claims: number }).claims
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
