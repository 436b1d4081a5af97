import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Message } from '../../src/peer/messages.ts'
import { openSetTrie, type SetTrie } from '../../src/peer/set-trie.ts'
import {
  beginSync,
  continueSync,
  type SyncEvent,
  type SyncRole,
  type SyncState,
} from '../../src/peer/sync-state.ts'
import { manyRefs, refNumber } from './refs.ts'

const key = new Uint8Array(32).fill(7)

interface Side {
  readonly views: { readonly claims: SetTrie; readonly schema: SetTrie }
  state: SyncState
  readonly outbox: Message[]
  /** How often it found its claims equal. */
  equal: number
}

function openSide(role: SyncRole, claims: number): Side {
  const views = { claims: openSetTrie(key), schema: openSetTrie(key) }
  for (const ref of manyRefs(0, claims)) views.claims.insert(ref)
  return { views, state: beginSync(role), outbox: [], equal: 0 }
}

/** Takes an event, and gets all that it is shown to lack at once; `mayStore` says whether that may be stored. */
function happen(side: Side, event: SyncEvent, mayStore = true): void {
  const { state, actions } = continueSync(side.state, side.views, event)
  side.state = state
  for (const action of actions) {
    if (action.kind === 'send') side.outbox.push(action.message)
    else if (action.kind === 'lack' && mayStore)
      for (const ref of action.refs) side.views[action.set].insert(ref)
    else if (action.kind === 'fetch') {
      happen(side, { kind: 'fetched', set: action.set })
      // As the index tells of what it has taken up.
      if (mayStore) happen(side, { kind: 'changed', set: action.set })
    } else if (action.kind === 'compared' && action.set === 'claims' && action.isEqual)
      side.equal += 1
  }
}

/** Carries messages until there are none; answers how many there were. */
function carry(asks: Side, answers: Side, mayStore = true): number {
  let count = 0
  for (let isMoving = true; isMoving;) {
    isMoving = false
    for (const [from, to] of [
      [asks, answers],
      [answers, asks],
    ] as const) {
      for (const message of from.outbox.splice(0)) {
        isMoving = true
        count += 1
        assert.ok(count < 1000, 'it comes to rest')
        if (message.kind === 'compare') happen(to, message, mayStore)
        else if (message.kind === 'changed' && message.set !== 'data')
          happen(to, { kind: 'peerChanged', set: message.set, isNew: message.isNew }, mayStore)
      }
    }
  }
  return count
}

function meet(mine: number, theirs: number, mayStore = true): readonly [Side, Side] {
  const asks = openSide('asks', mine)
  const answers = openSide('answers', theirs)
  happen(asks, { kind: 'begin' })
  happen(answers, { kind: 'begin' })
  carry(asks, answers, mayStore)
  return [asks, answers]
}

test('two sides end equal whoever lacks something, and come to rest', () => {
  for (const [mine, theirs] of [
    [100, 100],
    [100, 80],
    [80, 100],
    [0, 300],
    [300, 0],
  ] as const) {
    const [asks, answers] = meet(mine, theirs)
    assert.equal(asks.views.claims.fingerprint(''), answers.views.claims.fingerprint(''))
    assert.ok(asks.equal > 0)
  }
})

test('what comes later on either side is found, also when what came before may not be stored', () => {
  for (const mayStore of [true, false]) {
    const [asks, answers] = meet(100, 50, mayStore)
    for (const side of [asks, answers]) {
      const ref = refNumber(side === asks ? 1000 : 2000)
      side.views.claims.insert(ref)
      happen(side, { kind: 'changed', set: 'claims' })
      carry(asks, answers)
      assert.ok(asks.views.claims.has(ref) && answers.views.claims.has(ref))
    }
    assert.equal(asks.views.claims.fingerprint(''), answers.views.claims.fingerprint(''))
  }
})

test('what nobody may store is not compared for ever', () => {
  const asks = openSide('asks', 100)
  const answers = openSide('answers', 50)
  happen(asks, { kind: 'begin' })
  happen(answers, { kind: 'begin' })
  assert.ok(carry(asks, answers, false) < 20)
  assert.equal(asks.equal, 0)
})
