/** Bytes of the first chunk of every file that is long enough: the start of many files is metadata. */
const firstChunkBytes = 262_144
const chunkBytesMin = 65_537
const chunkBytesMax = 1_048_576
const windowBytes = 64
const seedFrom = chunkBytesMin - windowBytes

/** `weight` is the level of the cut behind the chunk, 0 for the end of the content. */
export type OnChunk = (bytes: Uint8Array, weight: number) => void

export interface Chunker {
  /** Takes content. The buffer must not change afterwards: chunks may be views into it. */
  push(bytes: Uint8Array): void
  /** Hands out what is left as the last chunk; nothing when the content ended with a cut. */
  end(): void
}

/**
 * Cuts content where Perkeep does (PROTOCOL 5). The rolling sum depends on 64 bytes and no cut comes
 * before byte 65,537 of a chunk, so the bytes up to 64 before that are never looked at.
 */
export function openChunker(onChunk: OnChunk): Chunker {
  const ring = new Uint8Array(windowBytes)
  let pieces: Uint8Array[] = []
  let length = 0
  let isFirst = true
  let s1 = 0
  let s2 = 0

  function emit(last: Uint8Array, weight: number): void {
    pieces.push(last)
    const chunk = pieces.length === 1 ? last : Buffer.concat(pieces)
    pieces = []
    length = 0
    isFirst = false
    onChunk(chunk, weight)
  }

  /** Scans from `from` until a cut; returns the index behind the last byte looked at. */
  function roll(bytes: Uint8Array, from: number, to: number): number {
    for (let at = from; at < to; at += 1) {
      if (length === seedFrom) {
        ring.fill(0)
        s1 = 1984
        s2 = 124_992
      }
      const slot = length & 63
      const left = ring[slot] ?? 0
      const byte = bytes[at] ?? 0
      ring[slot] = byte
      s1 += byte - left
      s2 += s1 - windowBytes * (left + 31)
      length += 1
      if (length >= chunkBytesMin && (s2 & 8191) === 8191) return at + 1
    }
    return to
  }

  function advance(bytes: Uint8Array, from: number): number {
    const limit = isFirst ? firstChunkBytes : chunkBytesMax
    const free = isFirst ? firstChunkBytes : seedFrom
    const skipped = Math.min(Math.max(free - length, 0), bytes.length - from)
    length += skipped
    const start = from + skipped
    return roll(bytes, start, Math.min(bytes.length, start + limit - length))
  }

  function weightHere(): number {
    if (isFirst) return length === firstChunkBytes ? 18 : 0
    if (length === chunkBytesMax) return 20
    return length >= chunkBytesMin && (s2 & 8191) === 8191 ? cutWeight(s1, s2) : 0
  }

  return {
    push(bytes) {
      let begin = 0
      while (begin < bytes.length) {
        const end = advance(bytes, begin)
        const weight = weightHere()
        if (weight > 0) emit(bytes.subarray(begin, end), weight)
        else pieces.push(bytes.subarray(begin, end))
        begin = end
      }
    },
    end() {
      const last = pieces.pop()
      if (last !== undefined) emit(last, 0)
    },
  }
}

function cutWeight(s1: number, s2: number): number {
  const digest = ((s1 << 16) | (s2 & 0xffff)) >>> 0
  let bits = digest >>> 14
  let weight = 13
  for (; (bits & 1) === 1; bits >>>= 1) weight += 1
  return weight
}
