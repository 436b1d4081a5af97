import type { SimRandom } from './sim-random.ts'

/** The content of a file in memory, and what the disk has of it. */
export interface SimContent {
  readonly length: number
  read(into: Uint8Array, position: number): number
  write(bytes: Uint8Array, position: number): void
  truncate(length: number): void
  /** What a sync that begins now will make durable: call the answer when it is done. */
  beginSync(): () => void
  /** A sync failed: what was dirty still reads well, but no later sync will write it. */
  loseDirty(): void
  /** The content after a power cut. */
  survivor(random: SimRandom): SimContent
}

interface Change {
  /** Undefined for a truncation. */
  readonly bytes: Uint8Array | undefined
  /** Where the bytes go, or the new length. */
  readonly position: number
  isLost: boolean
}

export function simContent(initial: Uint8Array = new Uint8Array()): SimContent {
  const current = growingBytes(initial)
  const durable = growingBytes(initial)
  let dirty: Change[] = []

  function change(bytes: Uint8Array | undefined, position: number): void {
    const made: Change = { bytes: bytes?.slice(), position, isLost: false }
    dirty.push(made)
    current.apply(made)
  }

  return {
    get length() {
      return current.length
    },
    read: (into, position) => current.read(into, position),
    write: change,
    truncate: length => change(undefined, length),
    beginSync() {
      const covered = new Set(dirty)
      return () => {
        // Another sync may have made some of them durable meanwhile; twice would undo later ones.
        for (const made of dirty) if (covered.has(made) && !made.isLost) durable.apply(made)
        dirty = dirty.filter(made => !covered.has(made))
      }
    },
    loseDirty() {
      for (const made of dirty) made.isLost = true
    },
    survivor(random) {
      const disk = growingBytes(durable.bytes())
      for (const made of someOf(dirty, random)) disk.apply(made)
      return simContent(disk.bytes())
    },
  }
}

/** Of unsynced changes: none, all, the first ones, or any of them; the bytes whole, torn, or zeros. */
function someOf(changes: readonly Change[], random: SimRandom): Change[] {
  const mode = random.below(4)
  if (mode === 0) return []
  if (mode === 1) return [...changes]
  if (mode === 2) {
    const kept = changes.slice(0, random.below(changes.length + 1))
    return kept.map((made, i) => (i === kept.length - 1 ? torn(made, random) : made))
  }
  return changes
    .filter(() => random.chance(0.5))
    .map(made => (random.chance(0.5) ? torn(made, random) : made))
}

function torn({ bytes, position, isLost }: Change, random: SimRandom): Change {
  if (bytes === undefined) return { bytes, position, isLost }
  const cut = random.below(bytes.length + 1)
  const mode = random.below(3)
  if (mode === 0) return { bytes: bytes.slice(0, cut), position, isLost }
  // The length arrived, but not the data: a part of it, or all, reads as zeros.
  const zeroed = mode === 1 ? bytes.slice().fill(0, cut) : bytes.slice().fill(0, 0, cut)
  return { bytes: zeroed, position, isLost }
}

interface GrowingBytes {
  readonly length: number
  apply(change: Change): void
  read(into: Uint8Array, position: number): number
  bytes(): Uint8Array
}

function growingBytes(initial: Uint8Array): GrowingBytes {
  let buffer = initial.slice()
  let length = initial.length

  function setLength(wanted: number): void {
    if (wanted > buffer.length) {
      const larger = new Uint8Array(Math.max(wanted, buffer.length * 2, 64))
      larger.set(buffer.subarray(0, length))
      buffer = larger
    }
    // What was cut off must read as zeros when the file grows over it again.
    if (wanted < length) buffer.fill(0, wanted, length)
    length = wanted
  }

  return {
    get length() {
      return length
    },
    apply({ bytes, position }) {
      if (bytes === undefined) setLength(position)
      else if (bytes.length > 0) {
        setLength(Math.max(length, position + bytes.length))
        buffer.set(bytes, position)
      }
    },
    read(into, position) {
      const part = buffer.subarray(
        Math.min(position, length),
        Math.min(position + into.length, length),
      )
      into.set(part)
      return part.length
    },
    bytes: () => buffer.slice(0, length),
  }
}
