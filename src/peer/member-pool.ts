import type { BlobRef } from '../blob/ref.ts'
import {
  digestBytesOf,
  readDigest,
  refKindOf,
  refKinds,
  writeDigest,
  type RefKind,
} from './ref-bytes.ts'

/** Stands for a stored ref; 0 stands for none. */
export type Slot = number

/**
 * Millions of refs in a few large buffers, each with the slot that follows it in its chain: 32 bytes for a SHA-224,
 * where an object of its own would take over 100. Slots are reused; the memory of a pool never shrinks.
 */
export interface MemberPool {
  /** Stores a ref at the head of a chain. */
  push(ref: BlobRef, next: Slot): Slot
  /** Gives a slot back; it must be in no chain any more. */
  release(slot: Slot): void
  refAt(slot: Slot): BlobRef
  nextOf(slot: Slot): Slot
  setNext(slot: Slot, next: Slot): void
  /** The slot of a ref in the chain that begins at `head`, and the one before it; 0 where there is none. */
  find(head: Slot, ref: BlobRef): { readonly slot: Slot; readonly before: Slot }
}

/** Refs in one buffer: large enough that its own cost vanishes, small enough that a small set stays small. */
const SLAB_SLOTS = 1024
/** The two low bits of a slot say in which shelf it is. */
const KIND_BITS = 2

interface Shelf {
  readonly digestBytes: number
  readonly digests: Buffer[]
  readonly nexts: Uint32Array[]
  used: number
  free: number[]
}

const slabOf = (slot: Slot): number => Math.floor((slot >>> KIND_BITS) / SLAB_SLOTS)
const indexOf = (slot: Slot): number => (slot >>> KIND_BITS) % SLAB_SLOTS
const kindOf = (slot: Slot): RefKind => (slot & 3) as RefKind

export function openMemberPool(): MemberPool {
  const shelves: readonly Shelf[] = refKinds.map(kind => ({
    digestBytes: digestBytesOf(kind),
    digests: [],
    nexts: [],
    used: 0,
    free: [],
  }))
  const shelfOf = (kind: RefKind): Shelf => shelves[kind - 1] as Shelf
  const wanted = Buffer.alloc(digestBytesOf(3))

  const digestsOf = (slot: Slot): Buffer => shelfOf(kindOf(slot)).digests[slabOf(slot)] as Buffer
  const nextsOf = (slot: Slot): Uint32Array =>
    shelfOf(kindOf(slot)).nexts[slabOf(slot)] as Uint32Array
  const nextOf = (slot: Slot): Slot => nextsOf(slot)[indexOf(slot)] ?? 0
  const setNext = (slot: Slot, next: Slot): void => {
    nextsOf(slot)[indexOf(slot)] = next
  }

  /** Whether a slot has the digest that lies in `wanted`, whose first word is `word`. */
  function isWanted(slot: Slot, word: number): boolean {
    const { digestBytes } = shelfOf(kindOf(slot))
    const at = indexOf(slot) * digestBytes
    const digests = digestsOf(slot)
    if (digests.readUInt32LE(at) !== word) return false
    return digests.compare(wanted, 0, digestBytes, at, at + digestBytes) === 0
  }

  return {
    push(ref, next) {
      const kind = refKindOf(ref)
      const shelf = shelfOf(kind)
      const slot = takeSlot(shelf, kind)
      writeDigest(ref, digestsOf(slot), indexOf(slot) * shelf.digestBytes)
      setNext(slot, next)
      return slot
    },
    release: slot => void shelfOf(kindOf(slot)).free.push(slot),
    refAt(slot) {
      const at = indexOf(slot) * shelfOf(kindOf(slot)).digestBytes
      return readDigest(kindOf(slot), digestsOf(slot), at)
    },
    nextOf,
    setNext,
    find(head, ref) {
      const kind = refKindOf(ref)
      writeDigest(ref, wanted, 0)
      const word = wanted.readUInt32LE(0)
      let before = 0
      let slot = head
      while (slot !== 0 && (kindOf(slot) !== kind || !isWanted(slot, word))) {
        before = slot
        slot = nextOf(slot)
      }
      return { slot, before }
    },
  }
}

function takeSlot(shelf: Shelf, kind: RefKind): Slot {
  const freed = shelf.free.pop()
  if (freed !== undefined) return freed
  if (shelf.used === shelf.digests.length * SLAB_SLOTS) {
    shelf.digests.push(Buffer.alloc(SLAB_SLOTS * shelf.digestBytes))
    shelf.nexts.push(new Uint32Array(SLAB_SLOTS))
  }
  const slot = ((shelf.used << KIND_BITS) | kind) >>> 0
  shelf.used += 1
  return slot
}
