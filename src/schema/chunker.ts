/**
 * Where Perkeep cuts files: a rolling sum over the last 64 bytes decides, so equal stretches are
 * cut alike wherever they stand. Because no cut falls within 64 KiB behind another, and the sum knows 64 bytes
 * only, all but the last 64 of those bytes are skipped.
 */

export const CHUNK_MAX = 1024 * 1024
const CHUNK_MIN = 65_536
const FIRST_CHUNK = 262_144
const WINDOW = 64
const CHARACTER_OFFSET = 31
const SPLIT_MASK = 8191
const SPLIT_BITS = 13
/** 64·63·31 − 31·64·65/2: what the weighted sum starts from when it is computed in closed form. */
const SUM2_BASE = 60_512

/** Weights of the cuts that no rolling sum decides. */
const WEIGHT_MAX_CHUNK = 20
const WEIGHT_FIRST_CHUNK = 18

export interface Cut {
  /** Length in bytes of the chunk that ends here. */
  readonly length: number
  /** How much the cut weighs: trees of `bytes` blobs are built from it. 0 for what the end left over. */
  readonly weight: number
}

/**
 * The next cut in a file. `bytes` hold the file from the end of the last cut (at least CHUNK_MAX of them, or
 * all that are left), `position` is how many of the file's bytes precede them. Answers undefined where no byte is left.
 */
export function nextCut(bytes: Uint8Array, position: number): Cut | undefined {
  if (bytes.length === 0) return undefined
  if (position < FIRST_CHUNK) {
    const length = FIRST_CHUNK - position
    return bytes.length < length
      ? { length: bytes.length, weight: 0 }
      : { length, weight: WEIGHT_FIRST_CHUNK }
  }
  const end = Math.min(bytes.length, CHUNK_MAX - 1)
  const found = end > CHUNK_MIN ? rollToCut(bytes, end) : undefined
  if (found) return found
  if (bytes.length >= CHUNK_MAX) return { length: CHUNK_MAX, weight: WEIGHT_MAX_CHUNK }
  return { length: bytes.length, weight: 0 }
}

/** Rolls over `bytes` from the first place that a cut may stand at, up to chunks of `end` bytes. */
function rollToCut(bytes: Uint8Array, end: number): Cut | undefined {
  let sum1 = 0
  let weighted = 0
  for (let at = CHUNK_MIN - WINDOW; at < CHUNK_MIN; at += 1) {
    sum1 += (bytes[at] ?? 0) + CHARACTER_OFFSET
    weighted += sum1
  }
  let sum2 = (weighted + SUM2_BASE) | 0
  for (let at = CHUNK_MIN; at < end; at += 1) {
    const leaving = bytes[at - WINDOW] ?? 0
    sum1 += (bytes[at] ?? 0) - leaving
    sum2 += sum1 - WINDOW * (leaving + CHARACTER_OFFSET)
    if ((sum2 & SPLIT_MASK) === SPLIT_MASK) return { length: at + 1, weight: weightOf(sum1, sum2) }
  }
  return undefined
}

function weightOf(sum1: number, sum2: number): number {
  let bits = ((sum1 << 16) | (sum2 & 0xffff)) >>> (SPLIT_BITS + 1)
  let weight = SPLIT_BITS
  for (; (bits & 1) === 1; bits >>>= 1) weight += 1
  return weight
}
