import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import {
  LEAF_MEMBERS_MAX,
  QUESTIONS_MAX,
  RECONCILE_BYTES_MAX,
  RECONCILE_SLACK,
  TOLD_REFS_MAX,
} from '../../src/peer/limits.ts'
import type {
  Answer,
  Differing,
  Question,
  ReconcileMessage,
} from '../../src/peer/reconcile-messages.ts'
import { encodeReconcileMessage } from '../../src/peer/write-reconcile.ts'
import { beginReconcile, continueReconcile, type ReconcileStep } from '../../src/peer/reconcile.ts'
import { openSetTrie, type SetTrie } from '../../src/peer/set-trie.ts'
import { tell } from './conversation.ts'
import { manyRefs, refNumber } from './refs.ts'

const key = new Uint8Array(32).fill(7)
const full = Array.from({ length: 16 }, (_, index) => ({
  fingerprint: BigInt(index + 1),
  count: 255,
}))
const nothing = { youLack: [], iLack: [] }
const isBadFrame = (error: unknown): boolean => isPeerkeepError(error, 'BAD_FRAME')

function setOf(refs: Iterable<BlobRef>): SetTrie {
  const trie = openSetTrie(key)
  for (const ref of refs) trie.insert(ref)
  return trie
}

const few = setOf(manyRefs(0, 10))
const many = setOf(manyRefs(0, 2000))

/** The hello of a liar who claims to have so many members. */
function greeting(count: number): ReconcileMessage {
  return { kind: 'greeting', keyCheck: few.keyCheck, count, fingerprint: 123n }
}

function answersOf(...answers: Answer[]): ReconcileMessage {
  return { kind: 'answers', answers }
}

function questionsOf(...questions: Question[]): ReconcileMessage {
  return { kind: 'questions', questions }
}

function questionsIn({ actions }: ReconcileStep): Question[] {
  return actions.flatMap(action =>
    action.kind === 'send' && action.message.kind === 'questions' ? action.message.questions : [],
  )
}

/** Refs that lie under a prefix, in order. */
function refsUnder(prefix: string, count: number): BlobRef[] {
  const found = manyRefs(10_000, 100_000)
    .map(ref => ({ ref, id: few.idOf(ref) }))
    .filter(({ id }) => id.startsWith(prefix))
    .take(count)
    .toArray()
  return found.sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ ref }) => ref)
}

test('messages out of turn end the conversation', () => {
  const hello = greeting(50)
  const equal: ReconcileMessage = {
    kind: 'greeting',
    keyCheck: few.keyCheck,
    count: few.size,
    fingerprint: few.fingerprint(''),
  }
  const done: ReconcileMessage = { kind: 'done', told: nothing }
  const question = questionsOf({ kind: 'all', prefix: '' })
  const answer = answersOf({ kind: 'told' })
  for (const role of ['asks', 'answers'] as const) {
    for (const first of [done, question, answer])
      assert.throws(() => tell(few, role, [first]), isBadFrame)
    assert.throws(() => tell(few, role, [hello, hello]), isBadFrame)
    for (const later of [equal, done, question, answer])
      assert.throws(() => tell(few, role, [equal, later]), isBadFrame)
  }
  assert.throws(() => tell(few, 'asks', [hello, question]), isBadFrame)
  assert.throws(() => tell(few, 'asks', [hello, done]), isBadFrame)
  assert.throws(() => tell(few, 'answers', [hello, answer]), isBadFrame)
  assert.throws(() => tell(few, 'answers', [hello, done, done]), isBadFrame)
})

test('two keys are an error, not a difference of everything', () => {
  const stranger = openSetTrie(new Uint8Array(32).fill(9))
  const { actions } = beginReconcile(stranger, 'asks')
  const [first] = actions
  assert.ok(first?.kind === 'send')
  assert.throws(() => tell(few, 'answers', [first.message]), /another fingerprint key/)
})

test('an answer that does not belong to its question is refused', () => {
  const [inOrder, reversed] = [refsUnder('', 3), refsUnder('', 3).reverse()]
  const difference = { kind: 'difference' as const, fingerprint: 0n, refs: [], lacked: [] }
  const wrong: readonly Answer[] = [
    { kind: 'told' },
    { kind: 'differing', branches: Array(16).fill({ kind: 'few' }) as Differing[] },
    { kind: 'refs', refs: [] },
    { ...difference, lacked: [few.size] },
    { ...difference, refs: reversed },
    { ...difference, refs: inOrder.flatMap(ref => [ref, ref]) },
  ]
  for (const answer of wrong)
    assert.throws(() => tell(few, 'asks', [greeting(50), answersOf(answer)]), isBadFrame)
  const fine = answersOf({ ...difference, refs: inOrder })
  assert.throws(
    () => tell(few, 'asks', [greeting(50), answersOf({ ...difference }, { kind: 'told' })]),
    isBadFrame,
  )
  assert.doesNotThrow(() => tell(few, 'asks', [greeting(50), fine]))
})

test('a ref under another prefix than the one asked about is refused', () => {
  const differing: Answer = {
    kind: 'differing',
    branches: Array.from({ length: 16 }, (_, digit) => (digit === 4 ? { kind: 'few' } : undefined)),
  }
  const step = tell(many, 'asks', [greeting(50), answersOf(differing)])
  assert.deepEqual(
    questionsIn(step).map(question => question.kind),
    ['all'],
  )
  const giveRefs = (prefix: string): ReconcileStep =>
    continueReconcile(many, step.state, answersOf({ kind: 'refs', refs: refsUnder(prefix, 2) }))
  assert.throws(() => giveRefs('5'), isBadFrame)
  assert.doesNotThrow(() => giveRefs('4'))
})

test('a leaf that adds up wrongly is compared in full, and reported only then', () => {
  const lying: Answer = { kind: 'difference', fingerprint: 1n, refs: [], lacked: [0, 1] }
  const step = tell(few, 'asks', [greeting(50), answersOf(lying)])
  assert.deepEqual(questionsIn(step), [{ kind: 'all', prefix: '' }])
  assert.ok(step.actions.every(action => action.kind === 'send'))
  const all = few.members('').map(({ ref }) => ref)
  const last = continueReconcile(
    few,
    step.state,
    answersOf({ kind: 'refs', refs: all.drop(1).toArray() }),
  )
  const [first] = few.members('')
  assert.deepEqual(last.actions.find(action => action.kind === 'theyLack')?.refs, [first?.ref])
})

/** Lets a liar answer every question until the asking side has had enough; returns what that took. */
function exhaust(
  set: SetTrie,
  claimed: number,
  lie: (question: Question) => Answer,
): { questions: number; tasksMax: number } {
  let step = tell(set, 'asks', [greeting(claimed)])
  let questions = 0
  let tasksMax = 0
  assert.throws(() => {
    for (;;) {
      const asked = questionsIn(step)
      questions += asked.length
      if (step.state.phase === 'over') return
      if (step.state.phase === 'asking')
        tasksMax = Math.max(tasksMax, step.state.asking.tasks.length)
      for (const message of step.actions) {
        if (message.kind === 'send')
          assert.ok(encodeReconcileMessage(message.message).length <= RECONCILE_BYTES_MAX)
      }
      step = continueReconcile(set, step.state, answersOf(...asked.map(lie)))
    }
  }, isBadFrame)
  return { questions, tasksMax }
}

test('a liar whose set goes on without end is left, with little remembered', () => {
  const bottomless = (question: Question): Answer => {
    if (question.kind === 'tell') return { kind: 'told' }
    // At the deepest leaf it would be caught; this one knows, and turns round before.
    if (question.prefix.length > 13)
      return question.kind === 'ids'
        ? { kind: 'difference', fingerprint: 0n, refs: [], lacked: [] }
        : { kind: 'refs', refs: [] }
    if (question.kind !== 'compare') return { kind: 'branches', branches: full }
    return {
      kind: 'differing',
      branches: Array.from({ length: 16 }, () => ({ kind: 'branches', branches: full })),
    }
  }
  for (const set of [openSetTrie(key), many]) {
    const { questions, tasksMax } = exhaust(set, 1000, bottomless)
    assert.ok(questions <= RECONCILE_SLACK + 1000 + set.size)
    assert.ok(tasksMax <= 16 * 16 * 1536)
  }
})

test('nothing lies below the deepest leaf', () => {
  const step = (question: Question): Answer => {
    if (question.kind === 'tell') return { kind: 'told' }
    return { kind: 'branches', branches: full }
  }
  const { questions } = exhaust(openSetTrie(key), 1000, step)
  assert.ok(questions < RECONCILE_SLACK, 'it was the depth')
})

test('a liar who names more refs than it said it has is left', () => {
  const set = openSetTrie(key)
  const branches = new Map<string, { ref: BlobRef; id: string }[]>()
  for (const ref of manyRefs(0, 100_000)) {
    const id = set.idOf(ref)
    const branch = branches.get(id.slice(0, 3)) ?? []
    if (branch.length < LEAF_MEMBERS_MAX) branch.push({ ref, id })
    branches.set(id.slice(0, 3), branch)
  }
  let named = 0
  const flood = (question: Question): Answer => {
    if (question.kind === 'tell') return { kind: 'told' }
    if (question.prefix.length < 3) return { kind: 'branches', branches: full }
    const branch = (branches.get(question.prefix) ?? []).sort((a, b) => (a.id < b.id ? -1 : 1))
    const refs = branch.map(({ ref }) => ref)
    named += refs.length
    if (question.kind === 'all') return { kind: 'refs', refs }
    return { kind: 'difference', fingerprint: 0n, refs, lacked: [] }
  }
  const { questions } = exhaust(set, 100, flood)
  assert.ok(questions < RECONCILE_SLACK / 2, 'it was the refs that were too many')
  // The last message of answers may go beyond: it was named, but not taken.
  assert.ok(named <= RECONCILE_SLACK + 100 + LEAF_MEMBERS_MAX * 1536)
})

test('one who asks or tells without end is left', () => {
  const forever: readonly Question[] = [
    { kind: 'all', prefix: 'ffffffffffffffff' },
    { kind: 'compare', prefix: '', branches: full },
    { kind: 'ids', prefix: 'a', ids: [] },
    { kind: 'tell', youLack: [refNumber(5)], iLack: [refNumber(6)] },
  ]
  for (const question of forever) {
    const message = questionsOf(...Array<Question>(QUESTIONS_MAX).fill(question))
    let step = tell(few, 'answers', [greeting(50)])
    let messages = 0
    assert.throws(() => {
      for (; ; messages += 1) step = continueReconcile(few, step.state, message)
    }, isBadFrame)
    assert.ok(messages * QUESTIONS_MAX <= RECONCILE_SLACK + 50 + few.size)
  }
})

test('whatever is asked in one message, each message of the answer is bounded, and so are they all', () => {
  const question: Question = { kind: 'compare', prefix: '', branches: full }
  const { actions } = tell(setOf(manyRefs(0, 20_000)), 'answers', [
    greeting(50),
    questionsOf(...Array<Question>(QUESTIONS_MAX).fill(question)),
  ])
  let bytes = 0
  for (const action of actions) {
    assert.ok(action.kind === 'send')
    const { length } = encodeReconcileMessage(action.message)
    assert.ok(length <= RECONCILE_BYTES_MAX)
    bytes += length
  }
  assert.ok(bytes > 10 * RECONCILE_BYTES_MAX && bytes <= 1.2 * 1024 * 1024, `${bytes}`)
})

test('refs that the other side tells of and that are here already are not reported', () => {
  const told = questionsOf({
    kind: 'tell',
    youLack: [refNumber(1), refNumber(77)],
    iLack: [refNumber(2), refNumber(78)],
  })
  const { actions } = tell(few, 'answers', [greeting(50), told])
  assert.deepEqual(
    actions.filter(action => action.kind !== 'send'),
    [
      { kind: 'theyLack', refs: [refNumber(2)] },
      { kind: 'weLack', refs: [refNumber(77)] },
    ],
  )
})

test('a leaf whose fingerprint nothing explains is compared in full, and reported only then', () => {
  const prefix = '4'
  const lie = (refs: readonly BlobRef[]): ReconcileStep =>
    tell(many, 'asks', [
      greeting(50),
      answersOf({
        kind: 'differing',
        branches: Array.from({ length: 16 }, (_, digit) =>
          digit === 4 ? { kind: 'leaf', fingerprint: 1n, refs } : undefined,
        ),
      }),
    ])
  for (const refs of [[], refsUnder(prefix, 2)]) {
    const step = lie(refs)
    assert.deepEqual(questionsIn(step), [{ kind: 'all', prefix }])
    assert.ok(step.actions.every(action => action.kind === 'send'))
  }
  assert.throws(() => lie(refsUnder('5', 1)), isBadFrame)
})

test('what is told at the end counts against what the other side said it has', () => {
  const refs = [...manyRefs(10_000, TOLD_REFS_MAX)]
  const done: ReconcileMessage = { kind: 'done', told: { youLack: refs, iLack: [] } }
  const { actions } = tell(few, 'answers', [greeting(50), done])
  assert.deepEqual(actions, [
    { kind: 'weLack', refs },
    { kind: 'ended', isEqual: false },
  ])
  const most = questionsOf(
    ...Array<Question>(QUESTIONS_MAX).fill({
      kind: 'tell',
      youLack: refs.slice(0, LEAF_MEMBERS_MAX),
      iLack: refs.slice(0, LEAF_MEMBERS_MAX),
    }),
  )
  assert.throws(() => tell(few, 'answers', [greeting(50), most, done]), isBadFrame)
})
