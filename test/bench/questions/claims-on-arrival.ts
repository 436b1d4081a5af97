import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openDoor } from '../../../src/blob/receive.ts'
import { refOf } from '../../../src/blob/ref.ts'
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
  const bytes = await fillWithClaims(home, bulkSigner(ownerSeed(readWords(readText(words)))))
  await using laptop = await startDevice(home)
  await joinDevice(laptop, join(work, 'nas'), 'nas')
  const wanted = await claimsOf(laptop)
  const begin = performance.now()
  await using nas = await startDevice(join(work, 'nas'))
  await until(async () => (await isInStep(nas)) && (await claimsOf(nas)) >= wanted)
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

/** Puts claims by the owner's own key into the store of a home that nobody has open; the bytes of all claims. */
async function fillWithClaims(home: string, owner: Signer): Promise<number> {
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
    await door.receive(claim)
  })
  await close()
  return bytes
}

/** A look that costs the device little; what is in step is counted then. */
async function isInStep(device: Device): Promise<boolean> {
  const { items } = await device.ask('devices')
  return items.some(item => typeof (item as { lastInSync?: unknown }).lastInSync === 'string')
}

async function claimsOf(device: Device): Promise<number> {
  const { value } = await device.ask('stats')
  return (value as { claims: number }).claims
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
