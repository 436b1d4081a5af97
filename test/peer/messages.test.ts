import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { BLOB_SIZE_MAX } from '../../src/blob/limits.ts'
import { refOf } from '../../src/blob/ref.ts'
import { FRAME_BODY_MAX } from '../../src/peer/framed-stream.ts'
import { FETCH_REFS_MAX, PAGE_REFS_MAX } from '../../src/peer/limits.ts'
import {
  decodeMessage,
  encodeMessage,
  type Message,
  PIECE_BYTES_MAX,
} from '../../src/peer/messages.ts'

const ids = fc.nat(0xffff_fffe)
const refs = fc.uint8Array({ maxLength: 8 }).map(refOf)
const sets = fc.constantFrom('claims' as const, 'schema' as const)

const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constant('list' as const), id: ids, set: sets }),
  fc.record({ kind: fc.constant('list' as const), id: ids, set: sets, after: refs }),
  fc.record({
    kind: fc.constant('page' as const),
    id: ids,
    refs: fc.array(refs, { maxLength: PAGE_REFS_MAX }),
    isLast: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('fetch' as const),
    id: ids,
    refs: fc.array(refs, { maxLength: FETCH_REFS_MAX }),
  }),
  fc.record({
    kind: fc.constant('piece' as const),
    id: ids,
    index: fc.nat(FETCH_REFS_MAX),
    size: fc.option(fc.nat(BLOB_SIZE_MAX), { nil: undefined }),
    bytes: fc.uint8Array({ maxLength: 100 }),
  }),
  fc.record({ kind: fc.constant('holds' as const), id: ids, snapshot: refs }),
  fc.record({ kind: fc.constant('held' as const), id: ids, isHeld: fc.boolean() }),
  fc.constant({ kind: 'changed' as const }),
)

test('a message read is the message written, and fits a frame', () => {
  fc.assert(
    fc.property(messages, message => {
      const frame = encodeMessage(message)
      assert.ok(frame.length <= FRAME_BODY_MAX)
      assert.deepEqual({ ...decodeMessage(frame) }, { ...message })
    }),
  )
})

test('the largest page and the largest piece fit a frame', () => {
  const longest = `sha256-${'f'.repeat(64)}` as ReturnType<typeof refOf>
  const page = Array.from({ length: PAGE_REFS_MAX }, () => longest)
  const id = 0xffff_fffe
  assert.ok(encodeMessage({ kind: 'page', id, refs: page, isLast: false }).length <= FRAME_BODY_MAX)
  const bytes = new Uint8Array(PIECE_BYTES_MAX)
  const piece = encodeMessage({ kind: 'piece', id, index: 0, size: bytes.length, bytes })
  assert.equal(piece.length, FRAME_BODY_MAX)
})

test('whatever a stranger sends is a message or BAD_FRAME', () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // What is nearly right gets further than what is random.
    fc.tuple(fc.nat(8), fc.json()).map(([kind, json]) => withKind(kind, Buffer.from(json))),
    fc.tuple(messages, fc.nat(8)).map(([message, kind]) => encodeMessage(message).with(0, kind)),
    fc.tuple(messages, fc.nat(), fc.nat(255)).map(([message, at, byte]) => {
      const frame = encodeMessage(message)
      return frame.with(at % frame.length, byte)
    }),
    fc.tuple(messages, fc.nat()).map(([message, cut]) => {
      const frame = encodeMessage(message)
      return frame.subarray(0, cut % frame.length)
    }),
  )
  fc.assert(
    fc.property(garbage, frame => {
      try {
        const message = decodeMessage(frame)
        assert.equal(typeof message.kind, 'string')
      } catch (error) {
        if (!isPeerkeepError(error, 'BAD_FRAME')) throw error
      }
    }),
    { numRuns: 5000 },
  )
})

function withKind(kind: number, rest: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(kind), rest])
}
