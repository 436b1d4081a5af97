import assert from 'node:assert/strict'
import { test } from 'node:test'

import { PeerkeepError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import { openScrub, type ScrubParts } from '../../src/node/scrub.ts'
import { openSimClock, type SimClock } from '../sim/sim-clock.ts'

const MiB = 1024 * 1024
const day = 86_400_000

/** A store of so many blobs of one size, of which nothing is kept but when each was read. */
function openReads(clock: SimClock, { count, size }: { count: number; size: number }) {
  const reads: { readonly ref: BlobRef; readonly at: number }[] = []
  const refs = Array.from(
    { length: count },
    (_, at) => `sha224-${at.toString(16).padStart(56, '0')}` as BlobRef,
  )
  const damaged = new Set<BlobRef>()
  const store: ScrubParts['store'] = {
    usage: async () => ({ bytes: count * size }) as never,
    async *enumerate(after) {
      for (const ref of refs) if (after === undefined || ref > after) yield { ref, size }
    },
    async fetch(ref) {
      reads.push({ ref, at: clock.monotonic() })
      if (damaged.has(ref)) throw new PeerkeepError('BLOB_DAMAGED', 'one bit')
      return new Uint8Array()
    },
  }
  return { store, reads, refs, damaged }
}

test('everything is read once, slowly, before the days are over, and again after them', async () => {
  for (const { count, size, days } of [
    { count: 2000, size: MiB, days: 30 },
    { count: 3000, size: 4096 * MiB, days: 30 },
  ]) {
    const clock = openSimClock()
    const { store, reads, refs } = openReads(clock, { count, size })
    const state = openMemoryKeyValue()
    const scrub = openScrub({ store, state, clock, log: silentLog, days })
    const perSecond = Math.max(MiB, (2 * count * size) / (days * 86_400))
    await clock.advance(days * day - 3_600_000)
    assert.deepEqual(
      reads.map(({ ref }) => ref),
      refs,
    )
    for (const [index, { at }] of reads.entries()) {
      // What is read at once is 8 MiB, or one blob.
      const allowed = (at / 1000) * perSecond + Math.max(8 * MiB, size)
      assert.ok(index * size <= allowed, `${index * size} bytes after ${at} ms`)
    }
    await clock.advance(2 * 3_600_000)
    assert.ok(reads.length > refs.length, 'a second pass has begun')
    await scrub.close()
  }
})

test('a scrub goes on where it was, after a new start', async () => {
  const clock = openSimClock()
  const { store, reads, refs } = openReads(clock, { count: 1000, size: MiB })
  const state = openMemoryKeyValue()
  for (let start = 0; start < 10; start += 1) {
    const scrub = openScrub({ store, state, clock, log: silentLog, days: 30 })
    await clock.advance(120_000)
    await scrub.close()
  }
  assert.deepEqual([...new Set(reads.map(({ ref }) => ref))], refs)
  // What was read since the place was last remembered is read again: at most one slice for each start.
  assert.ok(reads.length <= refs.length + 10 * 8, `${reads.length} reads`)
})

test('damage is named, counted, and does not end the scrub', async () => {
  const clock = openSimClock()
  const { store, reads, refs, damaged } = openReads(clock, { count: 100, size: MiB })
  for (const at of [3, 50, 99]) damaged.add(refs[at] as BlobRef)
  const named: unknown[] = []
  const done: unknown[] = []
  const log = {
    warn: (_: string, fields?: { ref?: unknown }) => void named.push(fields?.ref),
    info: (event: string, fields?: unknown) => void (event === 'scrub done' && done.push(fields)),
  }
  const scrub = openScrub({ store, state: openMemoryKeyValue(), clock, log, days: 30 })
  await clock.advance(day)
  await scrub.close()
  assert.equal(reads.length, 100)
  assert.deepEqual(named, [...damaged])
  assert.deepEqual(done, [{ damaged: 3 }])
})
