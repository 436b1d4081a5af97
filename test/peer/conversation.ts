import assert from 'node:assert/strict'

import type { BlobRef } from '../../src/blob/ref.ts'
import { decodeReconcileMessage } from '../../src/peer/read-reconcile.ts'
import type { ReconcileMessage } from '../../src/peer/reconcile-messages.ts'
import { encodeReconcileMessage } from '../../src/peer/write-reconcile.ts'
import {
  beginReconcile,
  continueReconcile,
  type ReconcileRole,
  type ReconcileState,
  type ReconcileStep,
} from '../../src/peer/reconcile.ts'
import type { SetView } from '../../src/peer/set-trie.ts'

/** What one side of a conversation came to know. */
export interface Findings {
  readonly theyLack: BlobRef[]
  readonly weLack: BlobRef[]
  isEqual: boolean | undefined
}

interface Side {
  readonly set: SetView
  state: ReconcileState
  readonly found: Findings
  readonly outbox: Uint8Array[]
}

export interface Conversation {
  readonly asks: Findings
  readonly answers: Findings
  /** Of both directions, without frames. */
  readonly bytes: number
  /** Messages there and back that had to wait for each other. */
  readonly turns: number
}

/** Called between two messages, as whoever changes a set meanwhile. */
type Meanwhile = () => void

/** Lets two sides talk to the end, each message through its bytes. */
export function converse(
  askingSet: SetView,
  answeringSet: SetView,
  meanwhile: Meanwhile = () => undefined,
): Conversation {
  const asks = openSide(askingSet, 'asks')
  const answers = openSide(answeringSet, 'answers')
  let bytes = 0
  let turns = 0
  while (asks.outbox.length + answers.outbox.length > 0) {
    turns += 1
    const onTheWay = [
      { to: answers, messages: asks.outbox.splice(0) },
      { to: asks, messages: answers.outbox.splice(0) },
    ]
    for (const { to, messages } of onTheWay) {
      for (const message of messages) {
        bytes += message.length
        meanwhile()
        take(to, continueReconcile(to.set, to.state, decodeReconcileMessage(message)))
      }
    }
  }
  assert.equal(asks.state.phase, 'over')
  assert.equal(answers.state.phase, 'over')
  return { asks: asks.found, answers: answers.found, bytes, turns }
}

function openSide(set: SetView, role: ReconcileRole): Side {
  const step = beginReconcile(set, role)
  const found = { theyLack: [], weLack: [], isEqual: undefined }
  const side: Side = { set, state: step.state, found, outbox: [] }
  take(side, step)
  return side
}

function take(side: Side, { state, actions }: ReconcileStep): void {
  side.state = state
  for (const action of actions) {
    assert.equal(side.found.isEqual, undefined, 'nothing follows the end')
    if (action.kind === 'send') side.outbox.push(encodeReconcileMessage(action.message))
    else if (action.kind === 'ended') side.found.isEqual = action.isEqual
    else side.found[action.kind].push(...action.refs)
  }
}

/** Sends one side messages of a liar, one after the other; the state that it ends in. */
export function tell(
  set: SetView,
  role: ReconcileRole,
  messages: readonly ReconcileMessage[],
): ReconcileStep {
  let step = beginReconcile(set, role)
  for (const message of messages) step = continueReconcile(set, step.state, message)
  return step
}
