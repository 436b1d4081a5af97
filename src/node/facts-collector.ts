import type { FileFacts } from '../schema/schema-blob.ts'
import type { Node } from './node.ts'

/** Facts signed at a time: about one blob of them. */
const GROUP_FACTS = 2000

export interface FactsCollector {
  add(facts: FileFacts): void
  /** Resolves when everything added is stored. */
  finish(): Promise<void>
}

/**
 * Gathers the facts of a snapshot and stores them a group at a time, those that are not known yet; forgets them where
 * nothing is to be signed.
 */
export function openFactsCollector(
  { claims, index }: Pick<Node, 'claims' | 'index'>,
  isSigning: boolean,
): FactsCollector {
  let group: FileFacts[] = []
  let writing = Promise.resolve()

  async function write(facts: readonly FileFacts[]): Promise<void> {
    await index.catchUp()
    const fresh: FileFacts[] = []
    for (const fact of facts) if (!isSaid(fact, await index.facts(fact.file))) fresh.push(fact)
    await claims.facts(fresh)
  }

  const flush = (): void => {
    const facts = group
    group = []
    if (!isSigning || facts.length === 0) return
    writing = writing.then(() => write(facts))
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

/** Whether everything is known already, and nothing else. */
function isSaid(facts: FileFacts, known: FileFacts | undefined): boolean {
  if (!known) return false
  const names = new Set([...Object.keys(facts), ...Object.keys(known)] as (keyof FileFacts)[])
  return [...names].every(name => facts[name] === known[name])
}
