import { type BlobRef, refOf } from '../blob/ref.ts'
import { writeSchema } from './write-schema.ts'

/** Members that one static-set holds; more are split. */
const STATIC_SET_MEMBERS_MAX = 10_000

export interface StaticSetBlobs {
  /** The set that stands for all members. */
  readonly top: BlobRef
  /** Every blob of it, subsets before what names them. */
  readonly blobs: readonly Uint8Array[]
}

/** Writes the static-set of `members` in their order, split as Perkeep splits it; `membersMax` is at least 3. */
export function writeStaticSet(
  members: readonly BlobRef[],
  membersMax = STATIC_SET_MEMBERS_MAX,
): StaticSetBlobs {
  const blobs: Uint8Array[] = []
  return { top: addSet(members, membersMax, blobs), blobs }
}

function addSet(members: readonly BlobRef[], max: number, blobs: Uint8Array[]): BlobRef {
  if (members.length <= max) return addBlob({ members }, blobs)
  const whole = Math.floor(members.length / max)
  const subsets = whole < max ? whole : max - 1
  const size = whole < max ? max : Math.floor(members.length / subsets)
  const mergeSets: BlobRef[] = []
  for (let at = 0; at < subsets; at += 1) {
    mergeSets.push(addSet(members.slice(at * size, (at + 1) * size), max, blobs))
  }
  const rest = members.slice(subsets * size)
  if (rest.length > 0) mergeSets.push(addSet(rest, max, blobs))
  return addBlob({ mergeSets }, blobs)
}

function addBlob(
  set: { members: readonly BlobRef[] } | { mergeSets: readonly BlobRef[] },
  blobs: Uint8Array[],
): BlobRef {
  const bytes = writeSchema({ type: 'static-set', ...set })
  blobs.push(bytes)
  return refOf(bytes)
}
