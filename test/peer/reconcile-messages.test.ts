import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { FRAME_BODY_MAX } from '../../src/peer/framed-stream.ts'
import {
  LEAF_MEMBERS_MAX,
  MEMBERS_MAX,
  QUESTIONS_MAX,
  RECONCILE_BYTES_MAX,
  TOLD_REFS_MAX,
} from '../../src/peer/limits.ts'
import { decodeReconcileMessage } from '../../src/peer/read-reconcile.ts'
import {
  type Answer,
  type Differing,
  type Question,
  RECONCILE_HEAD_BYTES,
  type ReconcileMessage,
} from '../../src/peer/reconcile-messages.ts'
import {
  answerBytes,
  encodeReconcileMessage,
  questionBytes,
} from '../../src/peer/write-reconcile.ts'
import { manyRefs, refNumber } from './refs.ts'

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`))
const prefixes = fc.integer({ min: 0, max: 15 }).chain(hex)
const uint64s = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const sixteen = <Item>(item: fc.Arbitrary<Item>): fc.Arbitrary<Item[]> =>
  fc.array(item, { minLength: 16, maxLength: 16 })
const branches = sixteen(
  fc.option(fc.record({ fingerprint: uint64s, count: fc.nat(255) }, { noNullPrototype: true }), {
    nil: undefined,
  }),
)
const refs = fc.array(fc.nat(1000).map(refNumber), { maxLength: LEAF_MEMBERS_MAX })
const places = fc
  .uniqueArray(fc.nat(LEAF_MEMBERS_MAX - 1))
  .map(list => list.toSorted((a, b) => a - b))

const questions: fc.Arbitrary<Question> = fc.oneof(
  fc.record({ kind: fc.constant('compare' as const), prefix: prefixes, branches }),
  fc.record({
    kind: fc.constant('ids' as const),
    prefix: prefixes,
    ids: fc.array(hex(12), { maxLength: LEAF_MEMBERS_MAX }),
  }),
  fc.record({ kind: fc.constant('all' as const), prefix: hex(16) }),
  fc.record({ kind: fc.constant('tell' as const), youLack: refs, iLack: refs }),
)
/** Few enough refs that 16 of them stay within one answer's. */
const someRefs = fc.array(fc.nat(1000).map(refNumber), { maxLength: 4 })
const differing: fc.Arbitrary<Differing> = fc.oneof(
  fc.constant({ kind: 'few' as const }),
  fc.record({ kind: fc.constant('branches' as const), branches }),
  fc.record({ kind: fc.constant('leaf' as const), fingerprint: uint64s, refs: someRefs }),
  fc.record({ kind: fc.constant('all' as const), refs: someRefs }),
)
const answers: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({
    kind: fc.constant('differing' as const),
    branches: sixteen(fc.option(differing, { nil: undefined })),
  }),
  fc.record({ kind: fc.constant('branches' as const), branches }),
  fc.record({
    kind: fc.constant('difference' as const),
    fingerprint: uint64s,
    refs,
    lacked: places,
  }),
  fc.record({ kind: fc.constant('refs' as const), refs }),
  fc.constant({ kind: 'told' as const }),
)
const messages: fc.Arbitrary<ReconcileMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('greeting' as const),
    keyCheck: hex(16),
    count: fc.nat(MEMBERS_MAX),
    fingerprint: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
  }),
  fc.record({
    kind: fc.constant('questions' as const),
    questions: fc.array(questions, { minLength: 1, maxLength: 10 }),
  }),
  fc.record({
    kind: fc.constant('answers' as const),
    answers: fc.array(answers, { minLength: 1, maxLength: 10 }),
  }),
  fc.record({
    kind: fc.constant('done' as const),
    told: fc.record({ youLack: refs, iLack: refs }),
  }),
)

const isBadFrame = (error: unknown): boolean => isPeerkeepError(error, 'BAD_FRAME')

/** Null where the bytes are no message; any other failure than a clear error fails the test. */
function decodeOrNull(bytes: Uint8Array): ReconcileMessage | null {
  try {
    return decodeReconcileMessage(bytes)
  } catch (error) {
    assert.ok(isBadFrame(error), String(error))
    return null
  }
}

test('a message read is the message written', () => {
  fc.assert(
    fc.property(messages, message => {
      const read = decodeReconcileMessage(encodeReconcileMessage(message))
      assert.deepEqual(read, structuredClone(message))
    }),
  )
})

test('the size of a question or an answer is known before it is written', () => {
  const one = { minLength: 1, maxLength: 1 }
  fc.assert(
    fc.property(fc.array(questions, one), fc.array(answers, one), (asked, answered) => {
      const [question] = asked
      const [answer] = answered
      assert.ok(question && answer)
      const head = RECONCILE_HEAD_BYTES
      const asking = encodeReconcileMessage({ kind: 'questions', questions: asked })
      assert.equal(asking.length, head + questionBytes(question))
      const answering = encodeReconcileMessage({ kind: 'answers', answers: answered })
      assert.equal(answering.length, head + answerBytes(answer))
    }),
  )
})

test('messages look as they did in every version', () => {
  const vectors: readonly (readonly [ReconcileMessage, string])[] = [
    [
      { kind: 'greeting', keyCheck: '0123456789abcdef', count: 258, fingerprint: 2n ** 64n + 5n },
      '0200 0123456789abcdef 00000102 0000000000000001 0000000000000005',
    ],
    [
      {
        kind: 'questions',
        questions: [
          {
            kind: 'compare',
            prefix: 'abc',
            branches: Array.from({ length: 16 }, (_, index) =>
              index === 1 ? { fingerprint: 7n, count: 9 } : undefined,
            ),
          },
          { kind: 'ids', prefix: '', ids: ['0123456789ab'] },
          { kind: 'all', prefix: 'ab' },
          { kind: 'tell', youLack: [], iLack: [refNumber(0)] },
        ],
      },
      '0201 0004  00 03abc0 0002 0000000000000007 09  01 00 01 0123456789ab  02 02ab' +
        `  03 00 01 02 ${refNumber(0).slice(7)}`,
    ],
    [
      {
        kind: 'answers',
        answers: [
          {
            kind: 'differing',
            branches: Array.from(
              { length: 16 },
              (_, index) =>
                [
                  { kind: 'few' } as const,
                  { kind: 'leaf', fingerprint: 8n, refs: [refNumber(0)] } as const,
                  { kind: 'all', refs: [] } as const,
                ][index],
            ),
          },
          { kind: 'difference', fingerprint: 9n, refs: [refNumber(3)], lacked: [0, 5] },
          { kind: 'refs', refs: [] },
          { kind: 'told' },
        ],
      },
      `0202 0004  00 0007 00 02 0000000000000008 01 02 ${refNumber(0).slice(7)} 03 00  02 0000000000000009 01 01 ${refNumber(3).slice(5)} 02 0005  03 00  04`,
    ],
    [
      { kind: 'done', told: { youLack: [refNumber(3)], iLack: [] } },
      `0203 0001 01 ${refNumber(3).slice(5)} 0000`,
    ],
  ]
  for (const [message, expected] of vectors) {
    const bytes = Buffer.from(encodeReconcileMessage(message)).toString('hex')
    assert.equal(bytes, expected.replaceAll(' ', ''))
  }
})

test('bytes that are no message give one clear error, and every message has one form', () => {
  const seeds = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.nat(4), fc.nat(3), fc.uint8Array({ maxLength: 300 }))
      .map(([kind, count, rest]) => Uint8Array.from([2, kind, 0, count, ...rest])),
  )
  fc.assert(
    fc.property(seeds, bytes => {
      const message = decodeOrNull(bytes)
      if (message) assert.deepEqual([...encodeReconcileMessage(message)], [...bytes])
    }),
    { numRuns: 3000 },
  )
})

test('a message cut short, grown, or with one byte changed is another one or none', () => {
  fc.assert(
    fc.property(messages, fc.nat(), fc.nat(254), (message, place, change) => {
      const bytes = encodeReconcileMessage(message)
      const at = place % bytes.length
      assert.throws(() => decodeReconcileMessage(bytes.subarray(0, at)), isBadFrame)
      assert.throws(
        () => decodeReconcileMessage(Buffer.concat([bytes, Buffer.alloc(1)])),
        isBadFrame,
      )
      const changed = Uint8Array.from(bytes)
      changed[at] = ((changed[at] ?? 0) + 1 + change) % 256
      const other = decodeOrNull(changed)
      if (other) assert.deepEqual([...encodeReconcileMessage(other)], [...changed])
    }),
  )
})

test('a message in another form than its one is none', () => {
  const others = {
    'an odd prefix with a digit too many': '0201 0001 02 01 a5',
    'a branch of an unknown kind': '0202 0001 00 0001 04',
    'places out of order': '0202 0001 02 0000000000000000 00 02 0501',
    'a ref of no hash function': `0202 0001 03 01 04 ${'00'.repeat(32)}`,
    'another version': '0103',
  }
  for (const [what, text] of Object.entries(others)) {
    const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex')
    assert.throws(() => decodeReconcileMessage(bytes), isBadFrame, what)
  }
})

test('what is over a limit is refused before it is read', () => {
  const tooManyQuestions: ReconcileMessage = {
    kind: 'questions',
    questions: Array.from({ length: QUESTIONS_MAX + 1 }, () => ({ kind: 'all', prefix: '' })),
  }
  const tooManyRefs: ReconcileMessage = {
    kind: 'answers',
    answers: [{ kind: 'refs', refs: [...manyRefs(0, LEAF_MEMBERS_MAX + 1)] }],
  }
  const tooManyIds: ReconcileMessage = {
    kind: 'questions',
    questions: [{ kind: 'ids', prefix: '', ids: Array(LEAF_MEMBERS_MAX + 1).fill('0'.repeat(12)) }],
  }
  const tooLarge: ReconcileMessage = {
    kind: 'greeting',
    keyCheck: '0'.repeat(16),
    count: MEMBERS_MAX + 1,
    fingerprint: 0n,
  }
  const tooDeep: ReconcileMessage = {
    kind: 'questions',
    questions: [{ kind: 'all', prefix: '0'.repeat(17) }],
  }
  const belowTheDeepest: ReconcileMessage = {
    kind: 'questions',
    questions: [
      {
        kind: 'compare',
        prefix: '0'.repeat(16),
        branches: Array(16).fill(undefined) as undefined[],
      },
    ],
  }
  const tooMuchAtOnce: ReconcileMessage = {
    kind: 'answers',
    answers: [
      {
        kind: 'differing',
        branches: Array.from({ length: 16 }, () => ({ kind: 'all', refs: [...manyRefs(0, 5)] })),
      },
    ],
  }
  const tooMuchTold: ReconcileMessage = {
    kind: 'done',
    told: { youLack: [...manyRefs(0, TOLD_REFS_MAX + 1)], iLack: [] },
  }
  const none: ReconcileMessage = { kind: 'questions', questions: [] }
  for (const message of [
    tooManyQuestions,
    tooManyRefs,
    tooManyIds,
    tooLarge,
    tooDeep,
    belowTheDeepest,
    tooMuchAtOnce,
    tooMuchTold,
    none,
  ])
    assert.throws(() => decodeReconcileMessage(encodeReconcileMessage(message)), isBadFrame)
  const long = new Uint8Array(RECONCILE_BYTES_MAX + 1)
  long.set([2, 2, 2, 0])
  assert.throws(() => decodeReconcileMessage(long), /over the limit of bytes/)
})

test('the longest question and answer fit a message, and a message fits a frame', () => {
  const longest = [...manyRefs(0, 2000)].filter(ref => ref.startsWith('sha256')).slice(0, 64)
  assert.equal(longest.length, LEAF_MEMBERS_MAX)
  const branches = Array.from({ length: 16 }, () => ({ fingerprint: 1n, count: 1 }))
  const question = questionBytes({ kind: 'tell', youLack: longest, iLack: longest })
  const deep = answerBytes({
    kind: 'differing',
    branches: Array.from({ length: 16 }, () => ({ kind: 'branches', branches })),
  })
  // One branch is a leaf with all the refs that one answer may name, the others are as long as can be.
  const told = answerBytes({
    kind: 'differing',
    branches: Array.from({ length: 16 }, (_, digit) =>
      digit === 0
        ? { kind: 'leaf', fingerprint: 1n, refs: longest }
        : { kind: 'branches', branches },
    ),
  })
  for (const bytes of [question, deep, told])
    assert.ok(bytes + RECONCILE_HEAD_BYTES <= RECONCILE_BYTES_MAX)
  assert.ok(Math.max(deep, told) * QUESTIONS_MAX <= 2.2 * 1024 * 1024)
  const most = [...manyRefs(0, 20_000)].filter(ref => ref.startsWith('sha256'))
  const last = encodeReconcileMessage({
    kind: 'done',
    told: { youLack: most.slice(0, TOLD_REFS_MAX), iLack: [] },
  })
  assert.ok(last.length <= RECONCILE_BYTES_MAX)
  assert.ok(RECONCILE_BYTES_MAX + 1 <= FRAME_BODY_MAX)
})
