import { isDeepStrictEqual } from 'node:util'

import type { Index } from '../index/queries.ts'
import type { FileFacts } from '../schema/schema-blob.ts'
import type { ClaimWriter } from './claim-writer.ts'

/** Facts signed at a time: about one blob of them. */
const GROUP_FACTS = 2000

/** Files whose facts are looked up at once. */
const LOOKED_UP_BESIDE = 50

export interface FactsCollector {
  add(facts: FileFacts): void
  /** Resolves when everything added is stored. */
  finish(): Promise<void>
}

/**
 * Gathers the facts of a snapshot and stores them a group at a time; without a writer it forgets them. `choose` answers
 * those of a group that are to be stored.
 */
export function openFactsCollector(
  writer: Pick<ClaimWriter, 'facts'> | undefined,
  choose: (facts: readonly FileFacts[]) => Promise<readonly FileFacts[]> = async facts => facts,
): FactsCollector {
  let group: FileFacts[] = []
  let writing = Promise.resolve()
  const flush = (): void => {
    const facts = group
    group = []
    if (!writer || facts.length === 0) return
    writing = writing.then(async () => writer.facts(await choose(facts)))
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

/**
 * Chooses what no device has said yet. A backup passes over the files that it knows; whoever reads all of them again
 * would say it all again.
 */
export function unsaidFacts(
  index: Pick<Index, 'catchUp' | 'facts'>,
): (facts: readonly FileFacts[]) => Promise<readonly FileFacts[]> {
  return async facts => {
    await index.catchUp()
    const fresh: FileFacts[] = []
    for (let at = 0; at < facts.length; at += LOOKED_UP_BESIDE) {
      const some = facts.slice(at, at + LOOKED_UP_BESIDE)
      const known = await Promise.all(some.map(({ file }) => index.facts(file)))
      fresh.push(...some.filter((fact, i) => !isSaid(fact, known[i])))
    }
    return fresh
  }
}

/** Whether everything is known already, and nothing else. */
function isSaid(facts: FileFacts, known: FileFacts | undefined): boolean {
  if (!known) return false
  const names = new Set([...Object.keys(facts), ...Object.keys(known)] as (keyof FileFacts)[])
  return [...names].every(name => isDeepStrictEqual(facts[name], known[name]))
}
