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
 * Millions of refs in a few large buffers, each with its tag and the slot that follows it in its chain: 36 bytes for a
 * SHA-224, where an object of its own would take over 100. Slots are reused; the memory of a pool never shrinks.
 */
export interface MemberPool {
  /** Stores a ref at the head of a chain. Its tag, 32 bits, is always the same and hardly ever another one's. */
  push(ref: BlobRef, tag: number, next: Slot): Slot
  /** The same for a digest that lies in `from`. */
  pushDigest(digest: Digest, tag: number, next: Slot): Slot
  /** Copies a slot's digest to `into`; returns how many bytes it has. */
  copyDigest(slot: Slot, into: Buffer, at: number): number
  kindOf(slot: Slot): RefKind
  /** Gives a slot back; it must be in no chain any more. */
  release(slot: Slot): void
  refAt(slot: Slot): BlobRef
  tagAt(slot: Slot): number
  nextOf(slot: Slot): Slot
  setNext(slot: Slot, next: Slot): void
  /** The slot of a ref in the chain that begins at `head`, and the one before it; 0 where there is none. */
  find(head: Slot, ref: BlobRef, tag: number): { readonly slot: Slot; readonly before: Slot }
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
  readonly digests: Buffer[]
  /** Two words a slot: the slot that follows, and the tag, so that a chain is gone along in one place. */
  readonly links: Uint32Array[]
  used: number
  free: number[]
}

const slabOf = (slot: Slot): number => Math.floor((slot >>> KIND_BITS) / SLAB_SLOTS)
const indexOf = (slot: Slot): number => (slot >>> KIND_BITS) % SLAB_SLOTS
const kindOf = (slot: Slot): RefKind => (slot & 3) as RefKind

export function openMemberPool(): MemberPool {
  const shelves: readonly Shelf[] = refKinds.map(() => ({
    digests: [],
    links: [],
    used: 0,
    free: [],
  }))
  const shelfOf = (kind: RefKind): Shelf => shelves[kind - 1] as Shelf
  const wanted = Buffer.alloc(digestBytesOf(3))

  const digestsOf = (slot: Slot): Buffer => shelfOf(kindOf(slot)).digests[slabOf(slot)] as Buffer
  const linksOf = (slot: Slot): Uint32Array =>
    shelfOf(kindOf(slot)).links[slabOf(slot)] as Uint32Array
  const nextOf = (slot: Slot): Slot => linksOf(slot)[2 * indexOf(slot)] ?? 0
  const setNext = (slot: Slot, next: Slot): void => {
    linksOf(slot)[2 * indexOf(slot)] = next
  }

  function take(kind: RefKind, tag: number, next: Slot): Slot {
    const slot = takeSlot(shelfOf(kind), kind)
    const links = linksOf(slot)
    links[2 * indexOf(slot)] = next
    links[2 * indexOf(slot) + 1] = tag
    return slot
  }

  function isRef(slot: Slot, ref: BlobRef): boolean {
    if (kindOf(slot) !== refKindOf(ref)) return false
    const length = writeDigest(ref, wanted, 0)
    const at = indexOf(slot) * length
    return digestsOf(slot).compare(wanted, 0, length, at, at + length) === 0
  }

  return {
    push(ref, tag, next) {
      const kind = refKindOf(ref)
      const slot = take(kind, tag, next)
      writeDigest(ref, digestsOf(slot), indexOf(slot) * digestBytesOf(kind))
      return slot
    },
    pushDigest({ kind, from, at }, tag, next) {
      const slot = take(kind, tag, next)
      const length = digestBytesOf(kind)
      from.copy(digestsOf(slot), indexOf(slot) * length, at, at + length)
      return slot
    },
    copyDigest(slot, into, at) {
      const length = digestBytesOf(kindOf(slot))
      const from = indexOf(slot) * length
      return digestsOf(slot).copy(into, at, from, from + length)
    },
    kindOf,
    release: slot => void shelfOf(kindOf(slot)).free.push(slot),
    refAt(slot) {
      const at = indexOf(slot) * digestBytesOf(kindOf(slot))
      return readDigest(kindOf(slot), digestsOf(slot), at)
    },
    tagAt: slot => linksOf(slot)[2 * indexOf(slot) + 1] ?? 0,
    nextOf,
    setNext,
    find(head, ref, tag) {
      let before = 0
      let slot = head
      while (slot !== 0) {
        const links = linksOf(slot)
        const at = 2 * indexOf(slot)
        if (links[at + 1] === tag && isRef(slot, ref)) break
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
    shelf.digests.push(Buffer.alloc(SLAB_SLOTS * digestBytesOf(kind)))
    shelf.links.push(new Uint32Array(2 * SLAB_SLOTS))
  }
  const slot = ((shelf.used << KIND_BITS) | kind) >>> 0
  shelf.used += 1
  return slot
}
