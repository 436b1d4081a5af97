import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { CHUNK_MAX, type Cut, nextCut } from '../../src/schema/chunker.ts'
import { generate } from '../vectors/perkeep/generate.ts'

/** Perkeep's rule word for word: every byte rolled, nothing skipped. */
function literalCuts(bytes: Uint8Array): Cut[] {
  const cuts: Cut[] = []
  let [s1, s2, length] = [1984, 124_992, 0]
  for (let at = 0; at < bytes.length; at += 1) {
    const left = at < 64 ? 0 : (bytes[at - 64] ?? 0)
    s1 += (bytes[at] ?? 0) - left
    s2 += s1 - 64 * (left + 31)
    length += 1
    const isSplit = (s2 & 8191) === 8191 && at + 1 > 262_144 && length > 65_536
    const weight =
      length === 1_048_576 ? 20 : isSplit ? literalWeight(s1, s2) : at + 1 === 262_144 ? 18 : 0
    if (weight === 0) continue
    cuts.push({ length, weight })
    length = 0
  }
  return length > 0 ? [...cuts, { length, weight: 0 }] : cuts
}

function literalWeight(s1: number, s2: number): number {
  const ones = /1*$/.exec((((s1 << 16) | (s2 & 0xffff)) >>> 14).toString(2))
  return 13 + (ones?.[0].length ?? 0)
}

function cutsOf(bytes: Uint8Array): Cut[] {
  const cuts: Cut[] = []
  for (let at = 0; ;) {
    const cut = nextCut(bytes.subarray(at, at + CHUNK_MAX), at)
    if (!cut) return cuts
    cuts.push(cut)
    at += cut.length
  }
}

const lengths = fc.oneof(
  fc.integer({ min: 0, max: 1_600_000 }),
  fc
    .integer({ min: 0, max: 3 })
    .chain(chunks =>
      fc.integer({ min: -1, max: 1 }).map(off => Math.max(0, 262_144 + chunks * 1_048_576 + off)),
    ),
  fc.integer({ min: 262_144 + 65_535, max: 262_144 + 65_538 }),
)

/** Contents: noise, one byte for ever, short periods, and noise with a stretch of one byte in it. */
const contents = fc
  .tuple(fc.nat(), lengths, fc.constantFrom('noise', 'noise', 'same', 'period', 'mixed'))
  .map(([seed, size, kind]) => {
    const noise = () => generate({ type: 'xorshift32', seed: seed + 1, size }, [])
    if (kind === 'same') return Buffer.alloc(size, seed & 0xff)
    if (kind === 'period') return Buffer.alloc(size, noise().subarray(0, (seed % 300) + 1))
    return kind === 'mixed'
      ? noise().fill(seed & 0xff, Math.floor(size / 3), Math.floor(size / 2))
      : noise()
  })

test('cuts where the literal rule cuts', () => {
  fc.assert(
    fc.property(contents, bytes => {
      assert.deepEqual(cutsOf(bytes), literalCuts(bytes))
    }),
    { numRuns: 60 },
  )
})

test('what follows the largest chunk is never looked at', () => {
  const noise = generate({ type: 'xorshift32', seed: 7, size: 3 * CHUNK_MAX }, [])
  for (let at = 262_144; at < CHUNK_MAX; at += 65_537) {
    const rest = noise.subarray(at)
    assert.deepEqual(nextCut(rest, at), nextCut(rest.subarray(0, CHUNK_MAX), at))
  }
})

/** 64 bytes behind which the rule wants a cut, whatever precedes them. */
function splitting(): Buffer {
  for (let seed = 1; ; seed += 1) {
    const bytes = generate({ type: 'xorshift32', seed, size: 64 }, [])
    const sum = bytes.reduce((all, byte, at) => all + (64 - at) * (byte + 31), 60_512)
    if ((sum & 8191) === 8191) return bytes
  }
}

test('cuts at the first and at the last place that a cut may stand at', () => {
  const pattern = splitting()
  for (const [length, isCut] of [
    [65_536, false],
    [65_537, true],
    [65_538, true],
    [CHUNK_MAX - 1, true],
    [CHUNK_MAX, false],
  ] as const) {
    const bytes = Buffer.alloc(262_144 + CHUNK_MAX + 5)
    pattern.copy(bytes, 262_144 + length - pattern.length)
    const cuts = cutsOf(bytes)
    assert.deepEqual(cuts, literalCuts(bytes))
    assert.equal(cuts[1]?.length === length && cuts[1].weight < 20, isCut, `at ${length}`)
  }
})
