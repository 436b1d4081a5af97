import { type BlobRef, isBlobRef } from './ref.ts'

/*
 * Perkeep's localdisk: `<root>/<hash name>/<first two digits>/<next two>/<ref>.dat` holds exactly the blob, and
 * nothing else in the root counts. So `partition`, `cache` and `packed`, which Perkeep may keep there, are passed over.
 */

/** The hash functions whose directories are looked into, in the order of their refs. */
export const hashDirectories: readonly string[] = ['sha1', 'sha224', 'sha256']

export const generationName = 'GENERATION.dat'

const blobSuffix = '.dat'
const temporaryMark = '.tmp'
const damagedSuffix = '.damaged'

const pairPattern = /^[0-9a-f]{2}$/

/** Whether a directory's name is two digits of digests. */
export function isPair(name: string): boolean {
  return pairPattern.test(name)
}

/** Where a blob lies: its directory, as the names from the root down, and its name there. */
export interface BlobPlace {
  readonly directories: readonly [hashName: string, first: string, second: string]
  readonly name: string
}

export function placeOf(ref: BlobRef): BlobPlace {
  const dash = ref.indexOf('-')
  const digits = ref.slice(dash + 1)
  return {
    directories: [ref.slice(0, dash), digits.slice(0, 2), digits.slice(2, 4)],
    name: ref + blobSuffix,
  }
}

/** A name for what is being written: Perkeep's form, so that each passes over the other's. */
export function temporaryName(name: string, chance: Uint8Array): string {
  return name + temporaryMark + Buffer.from(chance).toString('hex')
}

/** Where what turned out damaged is kept: beside its place, under a name that is nobody's blob. */
export function damagedName(name: string): string {
  return name + damagedSuffix
}

/** Whether a file of this name was being written when its writer ended, or still is. */
export function isTemporary(name: string): boolean {
  const mark = name.indexOf(blobSuffix + temporaryMark)
  return mark > 0 && isBlobRef(name.slice(0, mark))
}

/** The blob that a file of this name holds, if its directory is the one in which it would be looked for. */
export function refOfName(name: string, directories: readonly string[]): BlobRef | undefined {
  if (!name.endsWith(blobSuffix)) return undefined
  const ref = name.slice(0, -blobSuffix.length)
  const [hashName, first, second] = directories
  return isBlobRef(ref) && ref.startsWith(`${hashName}-${first}${second}`) ? ref : undefined
}

/**
 * A store's generation: 40 random digits, then words for people. Perkeep's clients take a store with the same digits
 * for one that still has everything that they saw in it.
 */
export function generationText(chance: Uint8Array): Uint8Array {
  return new TextEncoder().encode(
    `${Buffer.from(chance).toString('hex')}\n\n` +
      'The digits above stand for what this store holds. Programs that upload to it may remember them, and\n' +
      'while they are the same, not ask again for blobs that they know to be here. If you take blobs away by\n' +
      'hand, delete this file as well: a new one is made.\n',
  )
}
