import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { POSITION_DIGITS, shortIdOf } from './keyed-id.ts'
import {
  LEAF_MEMBERS_MAX,
  QUESTIONS_IN_FLIGHT_MAX,
  QUESTIONS_MAX,
  RECONCILE_BYTES_MAX,
  TOLD_REFS_MAX,
} from './limits.ts'
import { type ReconcileBudget, spend } from './reconcile-budget.ts'
import {
  type Answer,
  type Branches,
  type Differing,
  type Question,
  RECONCILE_HEAD_BYTES,
  type ReconcileMessage,
  type Told,
} from './reconcile-messages.ts'
import { questionBytes } from './write-reconcile.ts'
import {
  areEqual,
  hexDigits,
  isLeaf,
  leafMembers,
  shortFingerprint,
  sumOf,
} from './set-branches.ts'
import type { SetView } from './set-trie.ts'
import type { Member } from './trie-parts.ts'

/** What is still to be asked, and what was asked and waits for its answer, in order. */
export interface Asking {
  /** The last one is next, so that what is deepest is finished first. */
  readonly tasks: readonly Task[]
  readonly asked: readonly Asked[]
  /** What is to be told at the end. */
  readonly told: Told
  readonly budget: ReconcileBudget
}

type Task =
  /** A prefix that differs; `isFew` when the other side is known to have few members there. */
  | { readonly kind: 'compare'; readonly prefix: string; readonly isFew: boolean }
  /** A prefix whose few members there are to be told in full. */
  | { readonly kind: 'all'; readonly prefix: string }
  /** A prefix where the other side has nothing. */
  | { readonly kind: 'give'; readonly prefix: string }
  | Extract<Question, { kind: 'tell' }>

interface Asked {
  readonly question: Question
  /** For `ids`: what was here when it was asked. */
  readonly members: readonly Member[]
  readonly fingerprint: bigint
}

type AskAction =
  | { readonly kind: 'send'; readonly message: ReconcileMessage }
  | { readonly kind: 'theyLack' | 'weLack'; readonly refs: readonly BlobRef[] }
  | { readonly kind: 'ended'; readonly isEqual: false }

export interface AskStep {
  /** Undefined when all is known. */
  readonly asking: Asking | undefined
  readonly actions: readonly AskAction[]
}

const NOTHING: Told = { youLack: [], iLack: [] }

/** One step's own copy of the state, which the functions below change. */
interface Draft {
  readonly set: SetView
  readonly tasks: Task[]
  readonly asked: Asked[]
  readonly actions: AskAction[]
  told: Told
  budget: ReconcileBudget
}

/**
 * Begins with the root, or one level deeper where both have so many members (`count` or more) that a trip goes down to
 * the leaves the sooner.
 */
export function beginAsking(set: SetView, count: number, budget: ReconcileBudget): AskStep {
  const prefixes = count > LEAF_MEMBERS_MAX * 16 ** 3 ? hexDigits : ['']
  const tasks: Task[] = prefixes.map(prefix => ({ kind: 'compare', prefix, isFew: false }))
  return askMore({ set, tasks, asked: [], actions: [], told: NOTHING, budget })
}

export function continueAsking(set: SetView, asking: Asking, answers: readonly Answer[]): AskStep {
  const { tasks, asked, told, budget } = asking
  const draft: Draft = {
    set,
    tasks: [...tasks],
    asked: asked.slice(answers.length),
    actions: [],
    told,
    budget,
  }
  for (const [index, answer] of answers.entries()) {
    const one = asked[index]
    if (!one) throw badAnswer('that nobody asked for')
    takeAnswer(draft, one, answer)
  }
  return askMore(draft)
}

/** Sends questions until enough are on their way. The next message waits until a third of them are answered. */
function askMore(draft: Draft): AskStep {
  while (draft.asked.length <= QUESTIONS_IN_FLIGHT_MAX - QUESTIONS_MAX) {
    const questions = nextQuestions(draft)
    if (questions.length === 0) break
    draft.budget = spend(draft.budget, { questions: questions.length })
    draft.actions.push({ kind: 'send', message: { kind: 'questions', questions } })
  }
  const { asked, tasks, told, budget, actions } = draft
  if (asked.length > 0) return { asking: { asked, tasks, told, budget }, actions }
  actions.push({ kind: 'send', message: { kind: 'done', told } }, { kind: 'ended', isEqual: false })
  return { asking: undefined, actions }
}

/** The questions of one message. */
function nextQuestions(draft: Draft): Question[] {
  const questions: Question[] = []
  let bytes = RECONCILE_HEAD_BYTES
  while (questions.length < QUESTIONS_MAX) {
    const task = draft.tasks.pop()
    if (!task) break
    const asked = askFor(draft, task)
    if (!asked) continue
    bytes += questionBytes(asked.question)
    if (bytes > RECONCILE_BYTES_MAX) {
      draft.tasks.push(task)
      break
    }
    questions.push(asked.question)
    draft.asked.push(asked)
  }
  return questions
}

/** The question of a task; undefined when it is none, but several smaller tasks. */
function askFor(draft: Draft, task: Task): Asked | undefined {
  const { set } = draft
  switch (task.kind) {
    case 'compare':
      if (isLeaf(set, task.prefix)) return askByIds(set, task.prefix)
      if (task.isFew) return plainly({ kind: 'all', prefix: task.prefix })
      return plainly({ ...task, kind: 'compare', branches: set.branches(task.prefix) })
    case 'all':
      return plainly({ kind: 'all', prefix: task.prefix })
    case 'give':
      giveOrSplit(draft, task.prefix)
      return undefined
    case 'tell':
      return plainly(task)
  }
}

function plainly(question: Question): Asked {
  return { question, members: [], fingerprint: 0n }
}

function askByIds(set: SetView, prefix: string): Asked {
  const members = leafMembers(set, prefix)
  const ids = members.map(({ id }) => shortIdOf(id))
  return {
    question: { kind: 'ids', prefix, ids },
    members,
    fingerprint: shortFingerprint(set, prefix),
  }
}

function giveOrSplit(draft: Draft, prefix: string): void {
  const { set, tasks } = draft
  if (isLeaf(set, prefix)) {
    report(draft, { youLack: leafMembers(set, prefix).map(({ ref }) => ref), iLack: [] })
    return
  }
  for (const digit of hexDigits) {
    if (set.count(prefix + digit) > 0) tasks.push({ kind: 'give', prefix: prefix + digit })
  }
}

function takeAnswer(draft: Draft, asked: Asked, answer: Answer): void {
  const { question } = asked
  if (question.kind === 'compare' && answer.kind === 'differing')
    return takeDiffering(draft, question.prefix, answer.branches)
  if ((question.kind === 'compare' || question.kind === 'all') && answer.kind === 'refs')
    return takeRefs(draft, question.prefix, answer.refs)
  if (question.kind === 'ids' && answer.kind === 'difference')
    return takeDifference(draft, asked, answer)
  if ((question.kind === 'ids' || question.kind === 'all') && answer.kind === 'branches')
    return takeBranches(draft, question.prefix, answer.branches)
  if (question.kind === 'tell' && answer.kind === 'told') return undefined
  throw badAnswer(`of another kind than the question: ${answer.kind}`)
}

function takeDiffering(
  draft: Draft,
  prefix: string,
  branches: Extract<Answer, { kind: 'differing' }>['branches'],
): void {
  for (const [index, differing] of branches.entries()) {
    const below = prefix + hexDigits[index]
    switch (differing?.kind) {
      case undefined:
        break
      case 'few':
        draft.tasks.push({ kind: 'compare', prefix: below, isFew: true })
        break
      case 'branches':
        takeBranches(draft, below, differing.branches)
        break
      case 'leaf':
        takeLeaf(draft, below, differing)
        break
      case 'all':
        takeRefs(draft, below, differing.refs)
        break
    }
  }
}

/** Invariant 4: what the refs that lack here do not explain must be one or two that lack there. */
function takeLeaf(draft: Draft, prefix: string, leaf: Extract<Differing, { kind: 'leaf' }>): void {
  const { set } = draft
  const given = checkRefs(draft, prefix, leaf.refs).filter(({ ref }) => !set.has(ref))
  const sum = shortFingerprint(set, prefix) + sumOf(given) - leaf.fingerprint
  const rest = BigInt.asUintN(64, sum)
  const lacked = rest === 0n ? [] : isLeaf(set, prefix) && set.membersThatSumTo(prefix, rest)
  if (!lacked) {
    draft.tasks.push({ kind: 'compare', prefix, isFew: true })
    return
  }
  report(draft, { youLack: lacked.map(({ ref }) => ref), iLack: [] })
  reportLacking(draft, given)
}

function takeBranches(draft: Draft, prefix: string, theirs: Branches): void {
  if (prefix.length >= POSITION_DIGITS) throw badAnswer('that looks below the deepest leaf')
  const own = draft.set.branches(prefix)
  for (const [index, digit] of hexDigits.entries()) {
    const below = prefix + digit
    if (areEqual(own[index], theirs[index])) continue
    if (theirs[index] === undefined) draft.tasks.push({ kind: 'give', prefix: below })
    else draft.tasks.push({ kind: 'compare', prefix: below, isFew: false })
  }
}

/** Invariant 4: a leaf whose sum is not explained by the difference is compared in full, and nothing reported yet. */
function takeDifference(
  draft: Draft,
  { question, members, fingerprint }: Asked,
  answer: Extract<Answer, { kind: 'difference' }>,
): void {
  const prefix = prefixOf(question)
  const given = checkRefs(draft, prefix, answer.refs)
  const lacked = answer.lacked.map(place => {
    const member = members[place]
    if (!member) throw badAnswer('about an id that was not listed')
    return member
  })
  const explained = fingerprint - sumOf(lacked) + sumOf(given)
  if (BigInt.asUintN(64, explained) !== answer.fingerprint) {
    draft.tasks.push({ kind: 'all', prefix })
    return
  }
  report(draft, { youLack: lacked.map(({ ref }) => ref), iLack: [] })
  reportLacking(draft, given)
}

/** Takes all that the other side has under a prefix. */
function takeRefs(draft: Draft, prefix: string, refs: readonly BlobRef[]): void {
  settle(draft, prefix, checkRefs(draft, prefix, refs))
}

function settle(draft: Draft, prefix: string, theirs: readonly Member[]): void {
  const { set, tasks } = draft
  if (!isLeaf(set, prefix)) {
    if (theirs.length === 0) tasks.push({ kind: 'give', prefix })
    else {
      for (const digit of hexDigits) {
        const below = prefix + digit
        settle(
          draft,
          below,
          theirs.filter(({ id }) => id.startsWith(below)),
        )
      }
    }
    return
  }
  const known = new Set(theirs.map(({ ref }) => ref))
  const youLack = leafMembers(set, prefix)
    .map(({ ref }) => ref)
    .filter(ref => !known.has(ref))
  const iLack = reportLacking(draft, theirs)
  report(draft, { youLack, iLack })
}

/** Reports refs that the other side lacks, and has it told of them and of those that lack here. */
function report(draft: Draft, found: Told): void {
  const { tasks, actions, told } = draft
  if (found.youLack.length > 0) actions.push({ kind: 'theyLack', refs: found.youLack })
  if (found.youLack.length + found.iLack.length === 0) return
  const youLack = [...told.youLack, ...found.youLack]
  const iLack = [...told.iLack, ...found.iLack]
  if (youLack.length + iLack.length <= TOLD_REFS_MAX) draft.told = { youLack, iLack }
  else tasks.push({ kind: 'tell', ...found })
}

function reportLacking({ set, actions }: Draft, theirs: readonly Member[]): readonly BlobRef[] {
  const refs = theirs.map(({ ref }) => ref).filter(ref => !set.has(ref))
  if (refs.length > 0) actions.push({ kind: 'weLack', refs })
  return refs
}

/** Invariant 3: each ref once, and under the prefix. */
function checkRefs(draft: Draft, prefix: string, refs: readonly BlobRef[]): readonly Member[] {
  draft.budget = spend(draft.budget, { refs: refs.length })
  const members = refs.map(ref => ({ ref, id: draft.set.idOf(ref) }))
  for (const [index, { id }] of members.entries()) {
    if (!id.startsWith(prefix)) throw badAnswer('with a ref that does not belong there')
    const before = members[index - 1]
    if (before && before.id >= id) throw badAnswer('with refs out of order')
  }
  return members
}

function prefixOf(question: Question): string {
  return question.kind === 'tell' ? '' : question.prefix
}

function badAnswer(what: string): PeerkeepError {
  return new PeerkeepError('BAD_FRAME', `an answer of a reconciliation ${what}`)
}
