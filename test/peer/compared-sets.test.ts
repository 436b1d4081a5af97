import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { BlobRef } from '../../src/blob/ref.ts'
import { openComparedSets } from '../../src/peer/compared-sets.ts'
import type { MemberChange, SetSource } from '../../src/peer/source.ts'
import { manyRefs, refNumber } from './refs.ts'
import { sharedOptions } from './test-device.ts'

/** A set of claims whose listing waits in the middle until it is let go on. */
function openSource(refs: readonly BlobRef[]) {
  const listeners = new Set<(changes: readonly MemberChange[]) => void>()
  const paused = Promise.withResolvers<void>()
  const going = Promise.withResolvers<void>()
  const source: SetSource = {
    async *enumerate(set) {
      if (set !== 'claims') return
      for (const [at, ref] of refs.entries()) {
        if (at === refs.length / 2) {
          paused.resolve()
          await going.promise
        }
        yield { ref }
      }
    },
    onMembers(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  const change = (ref: BlobRef, isMember: boolean): void => {
    for (const listener of listeners) listener([{ set: 'claims', ref, isMember }])
  }
  return { source, change, paused: paused.promise, goOn: () => going.resolve() }
}

test('what comes and goes while the tries are made is in them', async () => {
  const refs = [...manyRefs(0, 100)]
  const { source, change, paused, goOn } = openSource(refs)
  await using sets = openComparedSets({
    source,
    groupSecret: new Uint8Array(32),
    ownerId: 'owner',
    store: sharedOptions.tries,
  })
  const opening = sets.views()
  await paused
  const [listed, unlisted, fresh, brief] = [
    refNumber(10),
    refNumber(90),
    refNumber(500),
    refNumber(600),
  ]
  change(listed, false)
  change(unlisted, false)
  change(fresh, true)
  change(brief, true)
  change(brief, false)
  goOn()
  const { claims } = await opening
  assert.deepEqual(
    [listed, unlisted, fresh, brief].map(ref => claims.has(ref)),
    [false, false, true, false],
  )
  assert.equal(claims.size, 99)
  change(unlisted, true)
  assert.ok(claims.has(unlisted))
})
