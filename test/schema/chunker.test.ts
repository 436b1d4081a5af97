import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import fc from 'fast-check'

import { openChunker } from '../../src/schema/chunker.ts'

type Cut = [length: number, weight: number]

/** The rule of PROTOCOL 5 word for word: every byte rolled, nothing skipped. */
function literalCuts(bytes: Uint8Array): Cut[] {
  const cuts: Cut[] = []
  let [s1, s2, length] = [1984, 124_992, 0]
  for (let at = 0; at < bytes.length; at += 1) {
    const left = bytes[at - 64] ?? 0
    s1 += (bytes[at] ?? 0) - left
    s2 += s1 - 64 * (left + 31)
    length += 1
    let weight = 0
    if (length === 1_048_576) weight = 20
    else if ((s2 & 8191) === 8191 && at + 1 > 262_144 && length > 65_536) {
      weight = 13
      let q = ((s1 << 16) | (s2 & 0xffff)) >>> 14
      for (; (q & 1) === 1; q >>>= 1) weight += 1
    } else if (at + 1 === 262_144) weight = 18
    if (weight > 0) {
      cuts.push([length, weight])
      length = 0
    }
  }
  if (length > 0) cuts.push([length, 0])
  return cuts
}

function content(seed: number, length: number, repeat: number): Uint8Array {
  const key = createHash('sha256').update(String(seed)).digest()
  const bytes = new Uint8Array(length)
  let x = key.readUInt32LE(0) | 1
  for (let at = 0; at < length; at += 1) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    bytes[at] = repeat === 0 ? x : at % repeat
  }
  return bytes
}

test('cuts where the literal rule cuts, however the content arrives', () => {
  const lengths = fc.oneof(
    fc.integer({ min: 0, max: 1_600_000 }),
    fc.constantFrom(0, 1, 262_143, 262_144, 262_145, 327_681, 1_310_720, 1_310_721),
  )
  fc.assert(
    fc.property(
      fc.integer(),
      lengths,
      fc.constantFrom(0, 0, 0, 1, 7, 251),
      fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 8 }),
      (seed, length, repeat, steps) => {
        const bytes = content(seed, length, repeat)
        const cuts: Cut[] = []
        const out: Uint8Array[] = []
        const chunker = openChunker((chunk, weight) => {
          cuts.push([chunk.length, weight])
          out.push(chunk)
        })
        for (let at = 0, i = 0; at < length; i += 1) {
          const step = steps[i % steps.length] ?? 1
          chunker.push(bytes.subarray(at, at + step))
          at += step
        }
        chunker.end()
        assert.deepEqual(cuts, literalCuts(bytes))
        assert.ok(Buffer.concat(out).equals(bytes))
      },
    ),
    { numRuns: 40 },
  )
})
