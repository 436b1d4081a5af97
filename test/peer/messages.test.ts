import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { BLOB_SIZE_MAX } from '../../src/blob/limits.ts'
import { refOf } from '../../src/blob/ref.ts'
import { decodeRefs, encodeRefs, sendBlob } from '../../src/peer/blob-line.ts'
import { FRAME_BODY_MAX } from '../../src/peer/framed-stream.ts'
import { FETCH_REFS_MAX, PUSH_BYTES_MAX } from '../../src/peer/limits.ts'
import { decodeMessage, encodeMessage, type Message } from '../../src/peer/messages.ts'
import type { KeyId } from '../../src/schema/signer.ts'

const refs = fc.uint8Array({ maxLength: 8 }).map(bytes => refOf(bytes))
const sets = fc.constantFrom('claims' as const, 'schema' as const)
const hex = fc
  .uint8Array({ minLength: 8, maxLength: 32 })
  .map(bytes => Buffer.from(bytes).toString('hex'))

const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    name: fc.string({ maxLength: 100 }).filter(name => !/\p{Cc}/u.test(name)),
    addresses: fc.array(fc.string({ maxLength: 50 }), { maxLength: 10 }),
    runId: hex,
    time: fc.integer(),
    keyCheck: hex,
  }),
  fc.record({
    kind: fc.constant('compare' as const),
    set: sets,
    turn: fc.nat(0xffff_ffff),
    message: fc.record(
      {
        kind: fc.constant('greeting' as const),
        keyCheck: fc.constant('0123456789abcdef'),
        count: fc.nat(1000),
        fingerprint: fc.bigInt(0n, 2n ** 128n - 1n),
      },
      { noNullPrototype: true },
    ),
  }),
  fc.record({
    kind: fc.constant('changed' as const),
    set: fc.constantFrom('claims' as const, 'schema' as const, 'data' as const),
    isNew: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('push' as const), bytes: fc.uint8Array({ maxLength: 100 }) }),
  fc.record({ kind: fc.constant('ping' as const), time: fc.integer() }),
  fc.record({ kind: fc.constant('rival' as const), runId: hex }),
  fc.record({ kind: fc.constant('askSecret' as const), check: hex }),
  fc.record({
    kind: fc.constant('whereabouts' as const),
    device: fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map(bytes => `ed25519-${Buffer.from(bytes).toString('hex')}` as KeyId),
    addresses: fc.array(fc.string({ maxLength: 50 }), { maxLength: 16 }),
  }),
  fc.record({
    kind: fc.constant('secret' as const),
    secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
)

test('a message read is the message written, and fits a frame', () => {
  fc.assert(
    fc.property(messages, message => {
      const frame = encodeMessage(message)
      assert.ok(frame.length <= FRAME_BODY_MAX)
      assert.deepEqual(plain(decodeMessage(frame)), plain(message))
    }),
  )
})

test('the largest claim that is pushed and the most refs of a request fit a frame', () => {
  const bytes = new Uint8Array(PUSH_BYTES_MAX)
  assert.ok(encodeMessage({ kind: 'push', bytes }).length <= FRAME_BODY_MAX)
  const longest = `sha256-${'f'.repeat(64)}` as ReturnType<typeof refOf>
  const most = Array.from({ length: FETCH_REFS_MAX }, () => longest)
  assert.ok(encodeRefs(most).length <= FRAME_BODY_MAX)
})

test('the largest blob leaves in frames that are all within the limit', async () => {
  let sent = 0
  const stream = {
    async send(...pieces: readonly Uint8Array[]) {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
      assert.ok(length <= FRAME_BODY_MAX)
      sent += length
    },
  }
  await sendBlob(stream, new Uint8Array(BLOB_SIZE_MAX))
  assert.equal(sent, BLOB_SIZE_MAX + 4)
})

test('a time that is none is no ping and no hello', () => {
  const frame = Buffer.from(encodeMessage({ kind: 'ping', time: 5 }))
  for (const time of [Number.NaN, Infinity, 1e300, -8.64e15 - 1]) {
    frame.writeDoubleBE(time, 1)
    assert.throws(() => decodeMessage(frame), { code: 'BAD_FRAME' })
  }
  const hello = {
    kind: 'hello',
    name: 'x',
    addresses: [],
    runId: '00'.repeat(8),
    keyCheck: '00'.repeat(8),
  } as const
  decodeMessage(encodeMessage({ ...hello, time: 8.64e15 }))
  assert.throws(() => decodeMessage(encodeMessage({ ...hello, time: 1e300 })), {
    code: 'BAD_FRAME',
  })
})

test('a request read is the request written', () => {
  fc.assert(
    fc.property(fc.array(refs, { minLength: 1, maxLength: FETCH_REFS_MAX }), asked => {
      assert.deepEqual(decodeRefs(encodeRefs(asked)), asked)
    }),
  )
})

test('whatever a peer asks for is refs or BAD_FRAME', () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(fc.array(refs, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(255))
      .map(([asked, at, byte]) => {
        const frame = Uint8Array.from(encodeRefs(asked))
        return frame.with(at % frame.length, byte)
      }),
    fc.nat(FETCH_REFS_MAX + 50).map(count => encodeRefs(Array(count).fill(refOf(Buffer.of(1))))),
  )
  fc.assert(
    fc.property(garbage, frame => {
      try {
        const asked = decodeRefs(frame)
        assert.ok(asked.length > 0 && asked.length <= FETCH_REFS_MAX)
      } catch (error) {
        if (!isPeerkeepError(error, 'BAD_FRAME')) throw error
      }
    }),
    { numRuns: 20_000 },
  )
})

test('whatever a stranger sends is a message or BAD_FRAME', () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // What is nearly right gets further than what is random.
    fc.tuple(fc.nat(9), fc.json()).map(([kind, json]) => withKind(kind, Buffer.from(json))),
    fc.tuple(messages, fc.nat(9)).map(([message, kind]) => encodeMessage(message).with(0, kind)),
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
    { numRuns: 20_000 },
  )
})

/** The same bytes, whatever array they are in. */
function plain(message: Message): unknown {
  if (message.kind === 'push') return { ...message, bytes: [...message.bytes] }
  if (message.kind === 'secret') return { ...message, secret: [...message.secret] }
  return { ...message }
}

function withKind(kind: number, rest: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(kind), rest])
}
