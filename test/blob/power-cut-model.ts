import assert from 'node:assert/strict'

import { type BlobRef, matchesRef } from '../../src/blob/ref.ts'
import type { BlobStore } from '../../src/blob/store.ts'

/**
 * What a store must hold, seen from outside: what it acknowledged. A blob with an operation under
 * way, or one whose operation failed, may be here or not.
 */
export interface PowerCutModel {
  addBegins(ref: BlobRef): Operation
  removalBegins(refs: readonly BlobRef[]): Operation
  /** The process died: whatever was under way stays undecided, and answers no more. */
  forgetRunning(): void
  /** Holds the store against the model; what was undecided is decided by what the store says. */
  check(store: BlobStore): Promise<void>
}

export interface Operation {
  acknowledged(): void
  failed(): void
}

interface Entry {
  /** Undefined while it may be either. */
  isHere: boolean | undefined
  running: Set<Operation>
  /** Some operations ran beside each other, or failed: none of them alone decides. */
  isMixed: boolean
}

export function openPowerCutModel(): PowerCutModel {
  const entries = new Map<BlobRef, Entry>()

  function entryOf(ref: BlobRef): Entry {
    const entry = entries.get(ref) ?? { isHere: false, running: new Set(), isMixed: false }
    entries.set(ref, entry)
    return entry
  }

  function begin(refs: readonly BlobRef[], isHere: boolean): Operation {
    const touched = refs.map(entryOf)
    function end(entry: Entry, result: boolean | undefined): void {
      // False when the process that ran it is gone.
      if (!entry.running.delete(operation)) return
      if (result === undefined) entry.isMixed = true
      if (entry.running.size > 0) return
      entry.isHere = entry.isMixed ? undefined : result
      entry.isMixed = false
    }
    const operation = {
      acknowledged: () => touched.forEach(entry => end(entry, isHere)),
      failed: () => touched.forEach(entry => end(entry, undefined)),
    }
    for (const entry of touched) {
      // An add of what is surely here changes nothing.
      const isNoop = isHere && entry.isHere === true && entry.running.size === 0
      if (entry.running.size > 0) entry.isMixed = true
      entry.running.add(operation)
      if (!isNoop) entry.isHere = undefined
    }
    return operation
  }

  return {
    addBegins: ref => begin([ref], true),
    removalBegins: refs => begin(refs, false),
    forgetRunning() {
      for (const entry of entries.values()) {
        entry.running.clear()
        entry.isMixed = false
      }
    },
    async check(store) {
      const listed = new Map<BlobRef, number>()
      for await (const { ref, size } of store.enumerate()) {
        assert.ok(!listed.has(ref), `${ref} is listed twice`)
        listed.set(ref, size)
      }
      for (const [ref, entry] of entries) await checkEntry(store, listed.get(ref), [ref, entry])
      for (const ref of listed.keys()) assert.ok(entries.has(ref), `${ref} was never added`)
    },
  }
}

async function checkEntry(
  store: BlobStore,
  listed: number | undefined,
  [ref, entry]: readonly [BlobRef, Entry],
): Promise<void> {
  assert.equal(entry.running.size, 0, 'a check with operations under way decides nothing')
  const [size] = await store.stat([ref])
  assert.equal(listed, size, `${ref}: enumerate and stat differ`)
  const bytes = await store.fetch(ref)
  assert.equal(bytes?.length, size, `${ref}: stat and fetch differ`)
  if (bytes !== undefined) assert.ok(matchesRef(ref, bytes), `${ref} is served wrong`)
  if (entry.isHere === true) assert.ok(bytes !== undefined, `${ref} was acknowledged and is lost`)
  if (entry.isHere === false) assert.ok(bytes === undefined, `${ref} came back after its removal`)
  // What a store says it has, it must keep: an add would be told that the blob is durable.
  entry.isHere = bytes !== undefined
}
