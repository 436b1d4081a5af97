import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { parseWhen, pickSnapshot } from '../../src/node/when.ts'
import { endOfDate } from '../../src/schema/time.ts'

const now = Date.UTC(2026, 10, 23, 12)

function at(iso: string, content: string): Parameters<typeof pickSnapshot>[0][number] {
  const claim = refOf(Buffer.from(iso))
  return { content: refOf(Buffer.from(content)), claim, date: BigInt(Date.parse(iso)) * 1_000_000n }
}

const snapshots = [
  at('2025-12-31T23:59:59Z', 'a'),
  at('2026-03-04T08:00:00Z', 'b'),
  at('2026-03-04T20:00:00Z', 'a'),
  at('2026-11-23T11:00:00Z', 'c'),
]

const cases: readonly (readonly [when: string, index: number])[] = [
  ['latest', 3],
  ['2025', 0],
  ['2026', 3],
  ['2026-03', 2],
  ['2026-03-04', 2],
  ['2026-03-04T08', 1],
  ['2026-03-04T08:00', 1],
  ['2026-03-04T07:59:59Z', 0],
  ['2026-03-03', 0],
  ['30m', 3],
  ['2h', 2],
  ['40w', 0],
  [refOf(Buffer.from('a')), 2],
]
for (const [when, index] of cases) {
  test(`@${when} picks the newest snapshot that is meant`, () => {
    assert.equal(pickSnapshot(snapshots, parseWhen(when, now)), snapshots[index])
  })
}

test('a time before the first snapshot picks none', () => {
  assert.equal(pickSnapshot(snapshots, parseWhen('2024', now)), undefined)
})

for (const text of [
  '',
  'now',
  '2026-13',
  '2026-02-30',
  '2026-3-4',
  '3x',
  '2026-03-04T24',
  'sha224-12',
]) {
  test(`@${text} is refused`, () => {
    assert.throws(() => parseWhen(text, now), { code: 'BAD_USAGE' })
  })
}

test('the end of February heeds leap years', () => {
  assert.equal(endOfDate('2024-02-29'), Date.UTC(2024, 2, 1))
  assert.equal(endOfDate('2025-02-29'), undefined)
})
