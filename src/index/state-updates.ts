import type { BlobRef } from '../blob/ref.ts'
import { type ClaimRow, isAttributeClaim } from './claim-row.ts'
import type { Draft } from './draft.ts'
import { placeOf } from './evaluate.ts'
import { applyClaim } from './fold.ts'
import type { SignedRow } from './rows.ts'
import { type StateRow, putState, readState } from './state.ts'

/** Folded states that a group of blobs moves on, without reading the claims before it again. */
export interface StateUpdates {
  /**
   * Begins the state of a permanode that is new, own and one blob; answers false, and has done nothing, when something
   * that came before it is about it.
   */
  readonly begin: (
    ref: BlobRef,
    signed: Pick<SignedRow, 'keyId' | 'date' | 'plannedKey'>,
  ) => boolean
  /**
   * Applies a claim that acts and is new; answers false, and has done nothing, when only a fold of
   * all claims can tell: one that comes late, is aimed at by a delete, or whose permanode is to be
   * folded anyway.
   */
  readonly apply: (claim: ClaimRow) => boolean
  /** Puts the states into the draft. */
  readonly write: () => void
}

/** The rows that `begin` will ask for. */
export function rowsToBegin(ref: BlobRef): string[] {
  return [`early|${ref}`, `dirty|${ref}`, `aimed|${ref}`]
}

/** The rows that `apply` will ask for. */
export function rowsToUpdate({ about, ref }: ClaimRow): string[] {
  return [`state|${about}`, `dirty|${about}`, `aimed|${ref}`]
}

export function openStateUpdates(
  draft: Draft,
  isDevicePermanode: (ref: BlobRef) => boolean,
): StateUpdates {
  const states = new Map<BlobRef, StateRow>()

  function stateOf(permanode: BlobRef): StateRow | undefined {
    const known = states.get(permanode)
    const text = known === undefined ? draft.get(`state|${permanode}`) : undefined
    return text === undefined ? known : readState(text)
  }

  function apply(claim: ClaimRow): boolean {
    const { about, body, ref, date } = claim
    if (about === '-' || !isAttributeClaim(body) || isDevicePermanode(about)) return false
    const state = stateOf(about)
    if (state === undefined) draft.put(`early|${about}`, '')
    if (draft.get(`dirty|${about}`) !== undefined || draft.get(`aimed|${ref}`) !== undefined)
      return false
    const place = placeOf(claim)
    // Of two with one date and key the signed bytes decide: too rare to be known here.
    if (state === undefined || place <= (state.last ?? '')) return false
    const isChanged = applyClaim(state.attributes, body)
    states.set(about, { ...state, last: place, modified: isChanged ? date : state.modified })
    return true
  }

  function begin(
    ref: BlobRef,
    { keyId, date, plannedKey }: Parameters<StateUpdates['begin']>[1],
  ): boolean {
    if (rowsToBegin(ref).some(key => draft.get(key) !== undefined)) {
      draft.delete(`early|${ref}`)
      return false
    }
    states.set(ref, {
      isDeleted: false,
      attributes: new Map(),
      modified: undefined,
      last: undefined,
      signer: keyId,
      date,
      key: plannedKey,
    })
    return true
  }

  return {
    begin,
    apply,
    write() {
      for (const [permanode, state] of states) putState(draft, [permanode], state)
    },
  }
}
