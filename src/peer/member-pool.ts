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
 * Millions of refs in a few large buffers, each with the slot that follows it in its chain: 36 bytes for a SHA-224,
 * where an object of its own would take over 100. Slots are reused; the memory of a pool never shrinks.
 */
export interface MemberPool {
  /** Stores a ref at the head of a chain. */
  push(ref: BlobRef, next: Slot): Slot
  /** The same for a digest that lies in `from`. */
  pushDigest(digest: Digest, next: Slot): Slot
  /** Copies a slot's digest to `into`; returns how many bytes it has. */
  copyDigest(slot: Slot, into: Buffer, at: number): number
  kindOf(slot: Slot): RefKind
  /** Gives a slot back; it must be in no chain any more. */
  release(slot: Slot): void
  refAt(slot: Slot): BlobRef
  nextOf(slot: Slot): Slot
  setNext(slot: Slot, next: Slot): void
  /** The slot of a ref in the chain that begins at `head`, and the one before it; 0 where there is none. */
  find(head: Slot, ref: BlobRef): { readonly slot: Slot; readonly before: Slot }
}

interface Digest {
  readonly kind: RefKind
  readonly from: Buffer
  readonly at: number
}

/** Refs in one buffer: large enough that its own cost vanishes, small enough that a small set stays small. */
const SLAB_SLOTS = 1024
/** The two low bits of a slot say in which shelf it is. */
const KIND_BITS = 2

interface Shelf {
  readonly digestBytes: number
  readonly digests: Buffer[]
  /** Two words a slot: the slot that follows, and the first of the digest, so that a chain is gone along in one place. */
  readonly links: Uint32Array[]
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
    links: [],
    used: 0,
    free: [],
  }))
  const shelfOf = (kind: RefKind): Shelf => shelves[kind - 1] as Shelf
  const wanted = Buffer.alloc(digestBytesOf(3))
  /** Whose digest lies in `wanted`: who looks for a ref in vain puts it in next. */
  let wantedRef: BlobRef | undefined

  const digestsOf = (slot: Slot): Buffer => shelfOf(kindOf(slot)).digests[slabOf(slot)] as Buffer
  const linksOf = (slot: Slot): Uint32Array =>
    shelfOf(kindOf(slot)).links[slabOf(slot)] as Uint32Array
  const nextOf = (slot: Slot): Slot => linksOf(slot)[2 * indexOf(slot)] ?? 0
  const setNext = (slot: Slot, next: Slot): void => {
    linksOf(slot)[2 * indexOf(slot)] = next
  }

  function want(ref: BlobRef): RefKind {
    if (ref !== wantedRef) writeDigest(ref, wanted, 0)
    wantedRef = ref
    return refKindOf(ref)
  }

  function pushDigest({ kind, from, at }: Digest, next: Slot): Slot {
    const shelf = shelfOf(kind)
    const slot = takeSlot(shelf, kind)
    from.copy(digestsOf(slot), indexOf(slot) * shelf.digestBytes, at, at + shelf.digestBytes)
    linksOf(slot)[2 * indexOf(slot) + 1] = from.readUInt32LE(at)
    setNext(slot, next)
    return slot
  }

  /** Whether a slot has the digest that lies in `wanted`. */
  function isWanted(slot: Slot): boolean {
    const { digestBytes } = shelfOf(kindOf(slot))
    const at = indexOf(slot) * digestBytes
    return digestsOf(slot).compare(wanted, 0, digestBytes, at, at + digestBytes) === 0
  }

  return {
    push: (ref, next) => pushDigest({ kind: want(ref), from: wanted, at: 0 }, next),
    pushDigest,
    copyDigest(slot, into, at) {
      const { digestBytes } = shelfOf(kindOf(slot))
      const from = indexOf(slot) * digestBytes
      return digestsOf(slot).copy(into, at, from, from + digestBytes)
    },
    kindOf,
    release: slot => void shelfOf(kindOf(slot)).free.push(slot),
    refAt(slot) {
      const at = indexOf(slot) * shelfOf(kindOf(slot)).digestBytes
      return readDigest(kindOf(slot), digestsOf(slot), at)
    },
    nextOf,
    setNext,
    find(head, ref) {
      const kind = want(ref)
      const word = wanted.readUInt32LE(0)
      let before = 0
      let slot = head
      while (slot !== 0) {
        const links = linksOf(slot)
        const at = 2 * indexOf(slot)
        if (links[at + 1] === word && kindOf(slot) === kind && isWanted(slot)) break
        before = slot
        slot = links[at] ?? 0
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
    shelf.links.push(new Uint32Array(2 * SLAB_SLOTS))
  }
  const slot = ((shelf.used << KIND_BITS) | kind) >>> 0
  shelf.used += 1
  return slot
}
