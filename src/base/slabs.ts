import { SLAB_BYTES, SLAB_PART_BYTES_MAX, SPARE_SLABS_MAX } from './limits.ts'

/**
 * Room for bytes that come and go in about the order they came, cut from large pieces that are used again. Room of
 * its own for each of a million chunks would have to be mapped, cleared and collected.
 */
export interface Slabs {
  /** Room for `length` bytes, whatever lies in it. */
  take(length: number): SlabPart
}

export interface SlabPart {
  readonly bytes: Uint8Array
  /** Says that nobody looks at the bytes any more. Whoever never says it keeps the piece from being used again. */
  giveBack(): void
}

interface Slab {
  readonly bytes: Buffer
  used: number
  parts: number
}

export function openSlabs(): Slabs {
  const spare: Slab[] = []
  let current: Slab | undefined

  function release(slab: Slab): void {
    slab.parts -= 1
    if (slab.parts > 0) return
    slab.used = 0
    if (slab !== current && spare.length < SPARE_SLABS_MAX) spare.push(slab)
  }

  return {
    take(length) {
      if (length > SLAB_PART_BYTES_MAX)
        return { bytes: Buffer.allocUnsafe(length), giveBack: () => undefined }
      if (!current || current.used + length > SLAB_BYTES)
        current = spare.pop() ?? { bytes: Buffer.allocUnsafeSlow(SLAB_BYTES), used: 0, parts: 0 }
      const slab = current
      const bytes = slab.bytes.subarray(slab.used, slab.used + length)
      slab.used += length
      slab.parts += 1
      let isTaken = true
      return {
        bytes,
        giveBack() {
          if (isTaken) release(slab)
          isTaken = false
        },
      }
    },
  }
}
