import { PeerkeepError } from '../base/errors.ts'

/** What a conversation may still cost: without a bound a liar could keep the other side at work for ever. */
export interface ReconcileBudget {
  readonly questions: number
  /** Refs that the other side may still name. */
  readonly refs: number
}

/** What is left after more questions and refs. Throws `BAD_FRAME` when it was not enough. */
export function spend(
  budget: ReconcileBudget,
  cost: { readonly questions?: number; readonly refs?: number },
): ReconcileBudget {
  const questions = budget.questions - (cost.questions ?? 0)
  const refs = budget.refs - (cost.refs ?? 0)
  if (questions < 0 || refs < 0)
    throw new PeerkeepError(
      'BAD_FRAME',
      'the other device makes a comparison longer than its set explains',
    )
  return { questions, refs }
}
