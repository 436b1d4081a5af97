import type { BlobRef } from '../blob/ref.ts'
import { shortIdOf } from './keyed-id.ts'
import { RECONCILE_BYTES_MAX } from './limits.ts'
import { type ReconcileBudget, spend } from './reconcile-budget.ts'
import {
  type Answer,
  type Branches,
  encodeAnswer,
  type Question,
  RECONCILE_HEAD_BYTES,
  type ReconcileMessage,
} from './reconcile-messages.ts'
import { branchesOf, hexDigits, isLeaf, leafMembers, shortFingerprint } from './set-branches.ts'
import type { SetView } from './set-trie.ts'

/** What came of questions, and what of it is to be reported. */
interface Answered {
  readonly answer: Answer
  readonly theyLack?: readonly BlobRef[]
  readonly weLack?: readonly BlobRef[]
}

type AnswerAction =
  | { readonly kind: 'send'; readonly message: ReconcileMessage }
  | { readonly kind: 'theyLack' | 'weLack'; readonly refs: readonly BlobRef[] }

/** Answers the questions of one message, from nothing but the set as it is. */
export function answerQuestions(
  set: SetView,
  budget: ReconcileBudget,
  questions: readonly Question[],
): { readonly budget: ReconcileBudget; readonly actions: readonly AnswerAction[] } {
  const named = questions.reduce((sum, question) => sum + refsNamed(question), 0)
  const left = spend(budget, { questions: questions.length, refs: named })
  const answered = questions.map(question => answerOne(set, question))
  const actions: AnswerAction[] = []
  for (const { theyLack = [], weLack = [] } of answered) {
    if (theyLack.length > 0) actions.push({ kind: 'theyLack', refs: theyLack })
    if (weLack.length > 0) actions.push({ kind: 'weLack', refs: weLack })
  }
  for (const answers of inMessages(answered.map(({ answer }) => answer)))
    actions.push({ kind: 'send', message: { kind: 'answers', answers } })
  return { budget: left, actions }
}

function refsNamed(question: Question): number {
  return question.kind === 'tell' ? question.youLack.length + question.iLack.length : 0
}

function answerOne(set: SetView, question: Question): Answered {
  switch (question.kind) {
    case 'compare':
      if (isLeaf(set, question.prefix))
        return { answer: { kind: 'refs', refs: refsOf(set, question.prefix) } }
      return { answer: { kind: 'differing', branches: differing(set, question) } }
    case 'ids':
      if (!isLeaf(set, question.prefix)) return { answer: branchesAnswer(set, question.prefix) }
      return difference(set, question)
    case 'all':
      if (!isLeaf(set, question.prefix)) return { answer: branchesAnswer(set, question.prefix) }
      return { answer: { kind: 'refs', refs: refsOf(set, question.prefix) } }
    case 'tell':
      return {
        answer: { kind: 'told' },
        weLack: question.youLack.filter(ref => !set.has(ref)),
        theyLack: question.iLack.filter(ref => set.has(ref)),
      }
  }
}

function differing(
  set: SetView,
  { prefix, branches }: Extract<Question, { kind: 'compare' }>,
): readonly (undefined | 'few' | Branches)[] {
  const own = branchesOf(set, prefix)
  return hexDigits.map((digit, index) => {
    if (own[index] === branches[index]) return undefined
    return isLeaf(set, prefix + digit) ? 'few' : branchesOf(set, prefix + digit)
  })
}

function difference(set: SetView, { prefix, ids }: Extract<Question, { kind: 'ids' }>): Answered {
  const members = leafMembers(set, prefix)
  const theirIds = new Set(ids)
  const ownIds = new Set(members.map(({ id }) => shortIdOf(id)))
  const refs = members.filter(({ id }) => !theirIds.has(shortIdOf(id))).map(({ ref }) => ref)
  const lacked = [...ids.keys()].filter(place => !ownIds.has(ids[place] ?? ''))
  const fingerprint = shortFingerprint(set, prefix)
  return { answer: { kind: 'difference', fingerprint, refs, lacked }, theyLack: refs }
}

function refsOf(set: SetView, prefix: string): readonly BlobRef[] {
  return leafMembers(set, prefix).map(({ ref }) => ref)
}

function branchesAnswer(set: SetView, prefix: string): Answer {
  return { kind: 'branches', branches: branchesOf(set, prefix) }
}

function inMessages(answers: readonly Answer[]): Answer[][] {
  const messages: Answer[][] = []
  let bytes = RECONCILE_BYTES_MAX
  for (const answer of answers) {
    const size = encodeAnswer(answer).length
    if (bytes + size > RECONCILE_BYTES_MAX) {
      messages.push([])
      bytes = RECONCILE_HEAD_BYTES
    }
    messages.at(-1)?.push(answer)
    bytes += size
  }
  return messages
}
