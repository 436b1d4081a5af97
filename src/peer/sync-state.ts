import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type Message, type SetName, setNames } from './messages.ts'
import {
  beginReconcile,
  continueReconcile,
  type ReconcileState,
  type ReconcileStep,
} from './reconcile.ts'
import type { ReconcileMessage } from './reconcile-messages.ts'
import type { SetView } from './set-trie.ts'

/**
 * When two connected devices compare their sets, as a function of what happens; no I/O, no time.
 *
 * One side asks (the one that opened the line), so that never two comparisons of a set run at once. Claims come before
 * schema: they say who may say what. A comparison is due at the beginning, after every change here or there, and once
 * both sides have got what the one before it showed them to lack; so it is repeated until it finds the sets equal, or
 * nobody gets anything new. A side that is still getting what it lacks is left alone meanwhile: comparing again
 * would only find the same.
 *
 * 1. Whatever differs when both are connected and nothing changes any more is found: a change on either side makes
 *    the set `stale` with the side that asks, and a stale set is compared as soon as neither side is busy with it.
 * 2. It comes to rest: an unequal comparison after which neither set changed is not repeated, but for one of claims
 *    once more schema has come.
 */
export interface SyncState {
  readonly role: SyncRole
  readonly sets: Readonly<Record<SetName, SetState>>
}

export type SyncRole = 'asks' | 'answers'

interface SetState {
  /** Comparisons begun so far. */
  readonly turn: number
  readonly talk: ReconcileState | undefined
  /** Whether the comparison that runs, or the one before it, found something that is lacked here. */
  readonly hasLacks: boolean
  /** What is lacked here is being fetched. */
  readonly isFetching: boolean
  /** The other side was shown to lack something, and has not said yet that it has tried to get it. */
  readonly isPeerBusy: boolean
  /** Something has changed since the last comparison began. */
  readonly isStale: boolean
  /** What the last comparison found; undefined before the first one. */
  readonly isEqual: boolean | undefined
}

export type SyncEvent =
  /** The hellos are said. */
  | { readonly kind: 'begin' }
  | {
      readonly kind: 'compare'
      readonly set: SetName
      readonly turn: number
      readonly message: ReconcileMessage
    }
  /** The other side says that it has got, or given up to get, what it lacked, or that its set has changed. */
  | { readonly kind: 'peerChanged'; readonly set: SetName; readonly isNew: boolean }
  /** The set here has changed. */
  | { readonly kind: 'changed'; readonly set: SetName }
  /** Everything that the last comparison found to be lacked here has been asked for and stored, or is not to be had. */
  | { readonly kind: 'fetched'; readonly set: SetName }

type SyncAction =
  | { readonly kind: 'send'; readonly message: Message }
  | { readonly kind: 'lack'; readonly set: SetName; readonly refs: readonly BlobRef[] }
  /** No more lacks of this comparison: `fetched` is to be said when all have been tried. */
  | { readonly kind: 'fetch'; readonly set: SetName }
  | { readonly kind: 'compared'; readonly set: SetName; readonly isEqual: boolean }

export interface SyncStep {
  readonly state: SyncState
  readonly actions: readonly SyncAction[]
}

export type SetViews = Readonly<Record<SetName, SetView>>

const fresh: SetState = {
  turn: 0,
  talk: undefined,
  hasLacks: false,
  isFetching: false,
  isPeerBusy: false,
  isStale: true,
  isEqual: undefined,
}

export function beginSync(role: SyncRole): SyncState {
  return { role, sets: { claims: fresh, schema: fresh } }
}

/** What follows from an event. Throws `BAD_FRAME` for a message out of turn: then the line is to be cut. */
export function continueSync(state: SyncState, views: SetViews, event: SyncEvent): SyncStep {
  const step = react(state, views, event)
  return state.role === 'asks' ? askNext(step, views) : step
}

function react(state: SyncState, views: SetViews, event: SyncEvent): SyncStep {
  if (event.kind === 'begin') return { state, actions: [] }
  const { set } = event
  const known = state.sets[set]
  switch (event.kind) {
    case 'compare':
      return compare(state, views, event)
    case 'peerChanged':
      return withSet(state, set, {
        isPeerBusy: false,
        isStale: known.isStale || event.isNew,
      })
    case 'changed':
      if (state.role === 'asks' || known.talk || known.isFetching)
        return withSet(state, set, { isStale: true })
      return tell(state, set, true)
    case 'fetched': {
      const step = withSet(state, set, { isFetching: false })
      const told = state.role === 'asks' || known.talk ? step : tell(step.state, set, known.isStale)
      return set === 'schema' ? lookAgain(told) : told
    }
  }
}

/** A claim that was refused may have waited for the schema that has come now. */
function lookAgain({ state, actions }: SyncStep): SyncStep {
  const { isEqual, talk, isFetching } = state.sets.claims
  if (isEqual !== false || talk || isFetching) return { state, actions }
  if (state.role === 'asks') return { ...withSet(state, 'claims', { isStale: true }), actions }
  const told = tell(state, 'claims', true)
  return { state: told.state, actions: [...actions, ...told.actions] }
}

/** The answering side's word that it is not busy with a set. */
function tell(state: SyncState, set: SetName, isNew: boolean): SyncStep {
  const step = withSet(state, set, { isStale: false })
  return { ...step, actions: [{ kind: 'send', message: { kind: 'changed', set, isNew } }] }
}

function compare(
  state: SyncState,
  views: SetViews,
  { set, turn, message }: Extract<SyncEvent, { kind: 'compare' }>,
): SyncStep {
  const known = state.sets[set]
  if (state.role === 'answers' && message.kind === 'greeting') {
    if (known.talk !== undefined || turn !== known.turn + 1) throw outOfTurn(set)
    const begun = beginReconcile(views[set], 'answers')
    const step = afterTalk(state, { set, turn, isNew: true }, begun)
    const next = continueReconcile(views[set], begun.state, message)
    const { state: after, actions } = afterTalk(step.state, { set, turn, isNew: false }, next)
    return { state: after, actions: [...step.actions, ...actions] }
  }
  if (known.talk === undefined || turn !== known.turn) throw outOfTurn(set)
  const next = continueReconcile(views[set], known.talk, message)
  return afterTalk(state, { set, turn, isNew: false }, next)
}

interface Turn {
  readonly set: SetName
  readonly turn: number
  /** Whether a comparison begins here. */
  readonly isNew: boolean
}

/** Takes over what a step of a reconciliation asks for. */
function afterTalk(
  state: SyncState,
  { set, turn, isNew }: Turn,
  { state: talk, actions }: ReconcileStep,
): SyncStep {
  const known = state.sets[set]
  const done: SyncAction[] = []
  let hasLacks = known.hasLacks && !isNew
  let isPeerBusy = known.isPeerBusy && !isNew
  let isEqual: boolean | undefined
  for (const action of actions) {
    if (action.kind === 'send')
      done.push({ kind: 'send', message: { kind: 'compare', set, turn, message: action.message } })
    else if (action.kind === 'weLack') {
      hasLacks = true
      done.push({ kind: 'lack', set, refs: action.refs })
    } else if (action.kind === 'theyLack') isPeerBusy = true
    else isEqual = action.isEqual
  }
  const isOver = isEqual !== undefined
  if (isEqual !== undefined) done.push({ kind: 'compared', set, isEqual })
  if (isOver && hasLacks) done.push({ kind: 'fetch', set })
  const isFetching = known.isFetching || (isOver && hasLacks)
  const isStale = known.isStale && !isNew
  const after = withSet(state, set, {
    turn,
    talk: isOver ? undefined : talk,
    hasLacks,
    isPeerBusy: isPeerBusy && isEqual !== true,
    isFetching,
    isStale,
    isEqual: isEqual ?? known.isEqual,
  }).state
  // Who fetches nothing has to say at once that it is not busy; who asks may wait for that.
  const isSilent = state.role === 'asks' || !isOver || isFetching || (isEqual === true && !isStale)
  const told = isSilent ? { state: after, actions: [] } : tell(after, set, isStale)
  return { state: told.state, actions: [...done, ...told.actions] }
}

/** Begins every comparison that is due and may begin. */
function askNext(step: SyncStep, views: SetViews): SyncStep {
  let { state } = step
  const actions = [...step.actions]
  for (const set of setNames) {
    const { isStale, talk, isFetching, isPeerBusy, turn } = state.sets[set]
    const isBusy = talk !== undefined || isFetching
    if (!isBusy && isStale && !isPeerBusy) {
      const begun = afterTalk(
        state,
        { set, turn: turn + 1, isNew: true },
        beginReconcile(views[set], 'asks'),
      )
      state = begun.state
      actions.push(...begun.actions)
    }
    // Claims first.
    if (state.sets[set].talk !== undefined || state.sets[set].isFetching) break
  }
  return { state, actions }
}

function withSet(state: SyncState, set: SetName, change: Partial<SetState>): SyncStep {
  const sets = { ...state.sets, [set]: { ...state.sets[set], ...change } }
  return { state: { ...state, sets }, actions: [] }
}

function outOfTurn(set: SetName): PeerkeepError {
  return new PeerkeepError('BAD_FRAME', `a comparison of ${set} out of turn`)
}
