import type { BlobRef } from '../blob/ref.ts'
import { shortIdOf } from './keyed-id.ts'
import {
  LEAF_MEMBERS_MAX,
  LISTED_AT_ONCE_MAX,
  RECONCILE_BYTES_MAX,
  SPARSE_BRANCHES_MAX,
} from './limits.ts'
import { type ReconcileBudget, spend } from './reconcile-budget.ts'
import {
  type Answer,
  type Branch,
  type Differing,
  type Question,
  RECONCILE_HEAD_BYTES,
  type ReconcileMessage,
  type Told,
} from './reconcile-messages.ts'
import { answerBytes } from './write-reconcile.ts'
import { areEqual, hexDigits, isLeaf, leafMembers, shortFingerprint } from './set-branches.ts'
import type { SetView } from './set-trie.ts'

/** What came of questions, and what of it is to be reported. */
interface Answered {
  readonly answer: Answer
  readonly theyLack?: readonly BlobRef[]
  readonly weLack?: readonly BlobRef[]
}

interface ReportAction {
  readonly kind: 'theyLack' | 'weLack'
  readonly refs: readonly BlobRef[]
}

type AnswerAction = ReportAction | { readonly kind: 'send'; readonly message: ReconcileMessage }

/** Answers the questions of one message, from nothing but the set as it is. */
export function answerQuestions(
  set: SetView,
  budget: ReconcileBudget,
  questions: readonly Question[],
): { readonly budget: ReconcileBudget; readonly actions: readonly AnswerAction[] } {
  const named = questions.reduce((sum, question) => sum + refsNamed(question), 0)
  const left = spend(budget, { questions: questions.length, refs: named })
  const answered = questions.map(question => answerOne(set, question))
  const actions: AnswerAction[] = answered.flatMap(reports)
  for (const answers of inMessages(answered.map(({ answer }) => answer)))
    actions.push({ kind: 'send', message: { kind: 'answers', answers } })
  return { budget: left, actions }
}

function refsNamed(question: Question): number {
  return question.kind === 'tell' ? refsIn(question) : 0
}

function refsIn({ youLack, iLack }: Told): number {
  return youLack.length + iLack.length
}

function answerOne(set: SetView, question: Question): Answered {
  switch (question.kind) {
    case 'compare':
      if (isLeaf(set, question.prefix))
        return { answer: { kind: 'refs', refs: refsOf(set, question.prefix) } }
      return differing(set, question)
    case 'ids':
      if (!isLeaf(set, question.prefix)) return { answer: branchesAnswer(set, question.prefix) }
      return difference(set, question)
    case 'all':
      if (!isLeaf(set, question.prefix)) return { answer: branchesAnswer(set, question.prefix) }
      return { answer: { kind: 'refs', refs: refsOf(set, question.prefix) } }
    case 'tell':
      return { answer: { kind: 'told' }, ...lacking(set, question) }
  }
}

function lacking(set: SetView, { youLack, iLack }: Told): Omit<Answered, 'answer'> {
  return {
    weLack: youLack.filter(ref => !set.has(ref)),
    theyLack: iLack.filter(ref => set.has(ref)),
  }
}

/** What the other side tells of at the end. */
export function takeTold(
  set: SetView,
  budget: ReconcileBudget,
  told: Told,
): readonly ReportAction[] {
  spend(budget, { refs: refsIn(told) })
  return reports(lacking(set, told))
}

function reports({ theyLack = [], weLack = [] }: Omit<Answered, 'answer'>): ReportAction[] {
  const actions: ReportAction[] = []
  if (theyLack.length > 0) actions.push({ kind: 'theyLack', refs: theyLack })
  if (weLack.length > 0) actions.push({ kind: 'weLack', refs: weLack })
  return actions
}

function differing(
  set: SetView,
  { prefix, branches }: Extract<Question, { kind: 'compare' }>,
): Answered {
  const own = set.branches(prefix)
  const theyLack: BlobRef[] = []
  let room = LEAF_MEMBERS_MAX
  const differ = hexDigits.filter((_, index) => !areEqual(own[index], branches[index])).length
  // Where much differs, a trip more is shared by many, and short ids cost a quarter.
  const listedMax = differ > SPARSE_BRANCHES_MAX ? 0 : LISTED_AT_ONCE_MAX
  const answers = hexDigits.map((digit, index): Differing | undefined => {
    if (areEqual(own[index], branches[index])) return undefined
    const differs = describeBranch(set, prefix + digit, { theirs: branches[index], listedMax })
    if (differs.kind !== 'leaf' && differs.kind !== 'all') return differs
    if (differs.refs.length > room) return { kind: 'few' }
    room -= differs.refs.length
    if (differs.kind === 'leaf') theyLack.push(...differs.refs)
    return differs
  })
  return { answer: { kind: 'differing', branches: answers }, theyLack }
}

/** What is here under a prefix that differs: as much as settles it, where that is little. */
function describeBranch(
  set: SetView,
  prefix: string,
  { theirs, listedMax }: { readonly theirs: Branch | undefined; readonly listedMax: number },
): Differing {
  if (!isLeaf(set, prefix)) return { kind: 'branches', branches: set.branches(prefix) }
  const count = set.count(prefix)
  const fingerprint = shortFingerprint(set, prefix)
  // By how many members more there are here, as far as 8 bits tell.
  const more = ((count - (theirs?.count ?? 0)) << 24) >> 24
  if (theirs && (more === -1 || more === -2)) return { kind: 'leaf', fingerprint, refs: [] }
  const difference = BigInt.asUintN(64, fingerprint - (theirs?.fingerprint ?? 0n))
  const found = more === 1 || more === 2 ? set.membersThatSumTo(prefix, difference) : undefined
  if (found?.length === more)
    return { kind: 'leaf', fingerprint, refs: found.map(({ ref }) => ref) }
  if (count > listedMax) return { kind: 'few' }
  return { kind: 'all', refs: refsOf(set, prefix) }
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
  return { kind: 'branches', branches: set.branches(prefix) }
}

function inMessages(answers: readonly Answer[]): Answer[][] {
  const messages: Answer[][] = []
  let bytes = RECONCILE_BYTES_MAX
  for (const answer of answers) {
    const size = answerBytes(answer)
    if (bytes + size > RECONCILE_BYTES_MAX) {
      messages.push([])
      bytes = RECONCILE_HEAD_BYTES
    }
    messages.at(-1)?.push(answer)
    bytes += size
  }
  return messages
}
