import type { Clock } from '../base/clock.ts'
import type { FileLayer } from '../base/files.ts'
import { hashDirectories, isPair, isTemporary, refOfName } from './folder-layout.ts'
import {
  FOLDER_DIRECTORIES_AHEAD,
  FOLDER_STATS_AT_ONCE,
  FOLDER_TEMPORARY_AGE_MS,
} from './limits.ts'
import type { BlobRef } from './ref.ts'
import type { SizedRef } from './store.ts'
import type { WorkGate } from './work-gate.ts'

interface Listing {
  readonly directory: string
  readonly files: FileLayer
  readonly clock: Pick<Clock, 'now'>
  readonly gate: WorkGate
}

/**
 * The blobs of a folder in the order of their refs, which is that of the names of directories and files. In memory are
 * the names of a few directories. What writers left behind that ended long ago is removed on the way.
 */
export async function* listFolder(listing: Listing, after?: BlobRef): AsyncIterable<SizedRef> {
  listing.gate.requireOpen()
  for (const hashName of hashDirectories) {
    for (const first of await pairs(listing, [hashName], after)) {
      const seconds = await pairs(listing, [hashName, first], after)
      for (let i = 0; i < seconds.length; i += FOLDER_DIRECTORIES_AHEAD) {
        const some = seconds.slice(i, i + FOLDER_DIRECTORIES_AHEAD)
        const lists = await Promise.all(
          some.map(second => blobsIn(listing, [hashName, first, second], after)),
        )
        for (const blobs of lists) {
          for (const blob of blobs) {
            listing.gate.requireOpen()
            yield blob
          }
        }
      }
    }
  }
}

/** The directories in one that hold refs behind `after`. */
async function pairs(
  { directory, files, gate }: Listing,
  above: readonly string[],
  after: BlobRef | undefined,
): Promise<string[]> {
  const [hashName = '', ...digits] = above
  const start = `${hashName}-${digits.join('')}`
  // No need to look: each ref in it is smaller.
  if (after !== undefined && after.slice(0, start.length) > start) return []
  const names = await gate.run(() => files.list([directory, ...above].join('/')))
  return (names ?? []).filter(name => {
    const prefix = start + name
    return isPair(name) && (after === undefined || prefix >= after.slice(0, prefix.length))
  })
}

async function blobsIn(
  listing: Listing,
  names: readonly string[],
  after: BlobRef | undefined,
): Promise<SizedRef[]> {
  const { directory, files, gate } = listing
  const path = [directory, ...names].join('/')
  const entries = (await gate.run(() => files.list(path))) ?? []
  const left = entries.filter(isTemporary)
  if (left.length > 0) await gate.run(() => removeOld(listing, path, left))
  const refs = entries
    .map(name => refOfName(name, names))
    .filter(ref => ref !== undefined)
    .filter(ref => after === undefined || ref > after)
  const blobs: SizedRef[] = []
  for (let i = 0; i < refs.length; i += FOLDER_STATS_AT_ONCE) {
    const some = refs.slice(i, i + FOLDER_STATS_AT_ONCE)
    const sizes = await gate.run(() =>
      Promise.all(some.map(ref => files.fileSize(`${path}/${ref}.dat`))),
    )
    some.forEach((ref, at) => {
      const size = sizes[at]
      if (size !== undefined) blobs.push({ ref, size })
    })
  }
  return blobs
}

/** A listing must not fail for it: the folder may be there for reading only. */
async function removeOld(
  { files, clock }: Listing,
  path: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const modified = await files.modifiedTime(`${path}/${name}`).catch(() => undefined)
    if (modified === undefined || clock.now() - modified < FOLDER_TEMPORARY_AGE_MS) continue
    await files.remove(`${path}/${name}`).catch(() => undefined)
  }
}
