import type { Random } from '../../src/base/random.ts'

/** Chance that repeats itself: the same seed, the same run. */
export interface SimRandom extends Random {
  /** A whole number from 0 to `end` - 1; 0 when `end` is 0. */
  below(end: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

export function openSimRandom(seed: number): SimRandom {
  let state = seed | 0

  // splitmix32: every seed, also 0 and its neighbours, gives a sequence of its own.
  function next(): number {
    state = (state + 0x9e3779b9) | 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }

  function below(end: number): number {
    return Math.floor((next() / 2 ** 32) * end)
  }

  return {
    below,
    chance: probability => next() / 2 ** 32 < probability,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError('nothing to pick from')
      return items[below(items.length)] as T
    },
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let i = 0; i < length; i += 4) {
        const word = next()
        for (let j = i; j < Math.min(i + 4, length); j++) bytes[j] = word >>> ((j - i) * 8)
      }
      return bytes
    },
  }
}
