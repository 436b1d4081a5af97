import type { FileFacts } from '../schema/schema-blob.ts'
import type { ClaimWriter } from './claim-writer.ts'

/** Facts signed at a time: about one blob of them. */
const GROUP_FACTS = 2000

export interface FactsCollector {
  add(facts: FileFacts): void
  /** Resolves when everything added is stored. */
  finish(): Promise<void>
}

/** Gathers the facts of a snapshot and stores them a group at a time; without a writer it forgets them. */
export function openFactsCollector(writer: ClaimWriter | undefined): FactsCollector {
  let group: FileFacts[] = []
  let writing = Promise.resolve()
  const flush = (): void => {
    const facts = group
    group = []
    if (!writer || facts.length === 0) return
    writing = writing.then(() => writer.facts(facts))
    // The failure is told by finish.
    writing.catch(() => undefined)
  }
  return {
    add(facts) {
      group.push(facts)
      if (group.length >= GROUP_FACTS) flush()
    },
    finish() {
      flush()
      return writing
    },
  }
}
