import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { RECONCILE_SLACK } from './limits.ts'
import { answerQuestions, takeTold } from './reconcile-answer.ts'
import { type Asking, type AskStep, beginAsking, continueAsking } from './reconcile-ask.ts'
import type { ReconcileBudget } from './reconcile-budget.ts'
import type { Greeting, ReconcileMessage } from './reconcile-messages.ts'
import type { SetView } from './set-trie.ts'

/**
 * Two sides find out how their sets differ, at a cost that grows with the difference, not with the sets.
 *
 * Both say hello with the count and the fingerprint of all they have. Where these agree, that is the end. Otherwise
 * one side asks and the other one answers; who is who was settled before. The asking side shows the fingerprints and
 * counts of a prefix's 16 branches; the other one names the branches that differ on its side, each with those of its
 * own 16 branches, so that one round trip goes two levels down, to where few members are. There the difference of two
 * fingerprints is the sum of what one side has more, so that whoever has one or two more finds them by their elements:
 * a branch that differs by little is settled as soon as both know its fingerprints, without a list. Else the refs
 * there are told, or the asking side lists short ids; the answer holds the refs that are not listed and tells which of
 * the listed ones lack. Refs that the answering side lacks are told in full, at last with the word that all is done.
 * So a thousand differences in a million cost three round trips, the hello among them.
 *
 * 1. Equal sets end with the hello. Sets with two keys end with an error there: their fingerprints mean nothing.
 * 2. The answering side remembers nothing of the questions. All it keeps is what it may still be asked.
 * 3. Every answer is held against the question it belongs to: questions are answered in their order, and refs must
 *    lie under the prefix that was asked about. Anything else ends the conversation with `BAD_FRAME`.
 * 4. A leaf is settled only when what it adds up to there is what follows from its refs here and the differences
 *    found, or when all its refs were told. Else (short ids that agree by chance, three differences in one leaf, a set
 *    that changed meanwhile) all its refs are compared in full.
 * 5. Nobody works for ever: each question goes deeper or ends its prefix, a position has 16 digits, and questions and
 *    refs are counted against what the two hellos explain. So the most that a liar gets is the work for the set that
 *    it claims to have.
 * 6. Memory is bounded by the questions on their way and, deepest first, 16 branches each on the way down; what is
 *    kept for the end is bounded, too, and nothing else grows with the number of differences, which are reported as
 *    they are found.
 * 7. A difference reported was one when it was found. Sets may change meanwhile: what came too late is found by the
 *    next conversation, and a cut one is simply begun again.
 */
export type ReconcileState =
  | { readonly phase: 'greeting'; readonly role: ReconcileRole; readonly own: Greeting }
  | { readonly phase: 'asking'; readonly asking: Asking }
  | { readonly phase: 'answering'; readonly budget: ReconcileBudget }
  | { readonly phase: 'over' }

export type ReconcileRole = 'asks' | 'answers'

type ReconcileAction =
  | { readonly kind: 'send'; readonly message: ReconcileMessage }
  /**
   * Refs here that the other side lacks, in batches of at most a leaf's members. The asking side hears of each once;
   * the answering side of some twice, where a leaf was compared a second time in full.
   */
  | { readonly kind: 'theyLack'; readonly refs: readonly BlobRef[] }
  | { readonly kind: 'weLack'; readonly refs: readonly BlobRef[] }
  /** The last action. */
  | { readonly kind: 'ended'; readonly isEqual: boolean }

export interface ReconcileStep {
  readonly state: ReconcileState
  readonly actions: readonly ReconcileAction[]
}

/** Begins a conversation about a set. One side has to ask, the other one to answer. */
export function beginReconcile(set: SetView, role: ReconcileRole): ReconcileStep {
  const own: Greeting = {
    kind: 'greeting',
    keyCheck: set.keyCheck,
    count: set.size,
    fingerprint: set.fingerprint(''),
  }
  return { state: { phase: 'greeting', role, own }, actions: [{ kind: 'send', message: own }] }
}

/** Goes on with a message of the other side. Throws `BAD_FRAME` for one out of place: then the line is to be cut. */
export function continueReconcile(
  set: SetView,
  state: ReconcileState,
  message: ReconcileMessage,
): ReconcileStep {
  switch (state.phase) {
    case 'greeting':
      if (message.kind === 'greeting') return afterGreeting(set, state, message)
      break
    case 'asking':
      if (message.kind === 'answers')
        return afterAsking(continueAsking(set, state.asking, message.answers))
      break
    case 'answering':
      if (message.kind === 'questions') {
        const { budget, actions } = answerQuestions(set, state.budget, message.questions)
        return { state: { phase: 'answering', budget }, actions }
      }
      if (message.kind === 'done') {
        const reports = takeTold(set, state.budget, message.told)
        return over([...reports, { kind: 'ended', isEqual: false }])
      }
      break
    case 'over':
      break
  }
  throw new PeerkeepError('BAD_FRAME', `a message of a reconciliation out of turn: ${message.kind}`)
}

function afterGreeting(
  set: SetView,
  { role, own }: Extract<ReconcileState, { phase: 'greeting' }>,
  theirs: Greeting,
): ReconcileStep {
  if (theirs.keyCheck !== own.keyCheck)
    throw new PeerkeepError('BAD_FRAME', 'the other device compares with another fingerprint key')
  // Invariant 1.
  if (theirs.count === own.count && theirs.fingerprint === own.fingerprint)
    return over([{ kind: 'ended', isEqual: true }])
  const budget = budgetFor(own.count, theirs.count)
  if (role === 'answers') return { state: { phase: 'answering', budget }, actions: [] }
  return afterAsking(beginAsking(set, Math.min(own.count, theirs.count), budget))
}

function afterAsking({ asking, actions }: AskStep): ReconcileStep {
  return asking ? { state: { phase: 'asking', asking }, actions } : over(actions)
}

/**
 * Invariant 5. Of sets without lies, a node that is looked into has more than a leaf's members, and such nodes are
 * about a fiftieth of the members; each asks of 16 branches and tells of as many. One a member is ample.
 */
function budgetFor(own: number, theirs: number): ReconcileBudget {
  return {
    questions: own + theirs + RECONCILE_SLACK,
    refs: own + theirs + RECONCILE_SLACK,
  }
}

function over(actions: readonly ReconcileAction[]): ReconcileStep {
  return { state: { phase: 'over' }, actions }
}
