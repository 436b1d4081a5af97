import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { SLAB_BYTES, SLAB_PART_BYTES_MAX } from '../../src/base/limits.ts'
import { openSlabs, type SlabPart } from '../../src/base/slabs.ts'

test('no two that are taken share a byte, whatever is given back, in any order, and twice', () => {
  const lengths = fc.oneof(fc.nat(5), fc.nat(SLAB_PART_BYTES_MAX + 10))
  const steps = fc.array(fc.tuple(lengths, fc.boolean(), fc.nat(), fc.boolean()), { maxLength: 60 })
  fc.assert(
    fc.property(steps, script => {
      const slabs = openSlabs()
      const taken: { part: SlabPart; mark: number }[] = []
      for (const [at, [length, isBack, which, isTwice]] of script.entries()) {
        const part = slabs.take(length)
        assert.equal(part.bytes.length, length)
        part.bytes.fill(at)
        taken.push({ part, mark: at })
        if (isBack) {
          const [back] = taken.splice(which % taken.length, 1)
          back?.part.giveBack()
          if (isTwice) back?.part.giveBack()
        }
        for (const { part: held, mark } of taken) assert.ok(held.bytes.every(byte => byte === mark))
      }
    }),
    { numRuns: 30 },
  )
})

test('what was given back is used again', () => {
  const slabs = openSlabs()
  const memory = new Set<ArrayBufferLike>()
  for (let bytes = 0; bytes < 100 * SLAB_BYTES; bytes += SLAB_PART_BYTES_MAX) {
    const part = slabs.take(SLAB_PART_BYTES_MAX)
    memory.add(part.bytes.buffer)
    part.giveBack()
  }
  assert.ok(memory.size <= 2)
})
