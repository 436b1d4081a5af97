import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { isShared } from './document.ts'
import { PLAN_PROBE_MAX } from './limits.ts'
import type { ItemFacts } from './search-items.ts'
import type { Constraint, PermanodeConstraint } from './search-query.ts'

/** Where a search finds all that can match, and more: what it says of itself goes to whoever asks for it. */
export interface Source {
  readonly name: string
  readonly refs: () => AsyncIterable<BlobRef>
  /** The tables of search documents have a list that is as narrow. */
  readonly isInTables?: boolean
}

/** The narrowest source for a constraint; undefined when only looking at everything will do. */
export async function narrowestSource(
  facts: ItemFacts,
  constraint: Constraint,
): Promise<Source | undefined> {
  return narrowest(sourcesOf(facts, constraint))
}

/** The same of what the tables of search documents do not list. */
export async function narrowestBesideTables(
  facts: ItemFacts,
  constraint: Constraint,
): Promise<Source | undefined> {
  return narrowest(sourcesOf(facts, constraint).filter(({ isInTables }) => isInTables !== true))
}

async function narrowest(sources: readonly Source[]): Promise<Source | undefined> {
  if (sources.length < 2) return sources[0]
  const counts = await Promise.all(sources.map(countUpTo))
  const least = Math.min(...counts)
  return sources[counts.indexOf(least)]
}

async function countUpTo({ refs }: Source): Promise<number> {
  let count = 0
  for await (const _ of refs()) if (++count >= PLAN_PROBE_MAX) break
  return count
}

/** Each of them alone holds all that can match. */
function sourcesOf(facts: ItemFacts, constraint: Constraint): Source[] {
  const { logical, blobRefPrefix, file, permanode } = constraint
  const sources: Source[] = []
  if (isBlobRef(blobRefPrefix)) sources.push(listed(`the blob ${blobRefPrefix}`, [blobRefPrefix]))
  if (file?.wholeRef !== undefined) {
    const { wholeRef } = file
    sources.push({
      name: `files whose content is ${wholeRef}`,
      refs: () => facts.ground.index.filesOfContent(wholeRef),
    })
  }
  if (permanode) sources.push(...sourcesOfPermanode(facts, permanode))
  if (logical?.op === 'and' && logical.b)
    sources.push(...sourcesOf(facts, logical.a), ...sourcesOf(facts, logical.b))
  if (logical?.op === 'or' && logical.b) {
    const [a] = sourcesOf(facts, logical.a)
    const [b] = sourcesOf(facts, logical.b)
    if (a && b) sources.push(union(a, b))
  }
  return sources
}

function listed(name: string, refs: readonly BlobRef[]): Source {
  return {
    name,
    async *refs() {
      yield* refs
    },
  }
}

/** What both have may come twice. */
function union(a: Source, b: Source): Source {
  return {
    name: `${a.name}, and ${b.name}`,
    isInTables: a.isInTables === true && b.isInTables === true,
    async *refs() {
      yield* a.refs()
      yield* b.refs()
    },
  }
}

function sourcesOfPermanode(facts: ItemFacts, permanode: PermanodeConstraint): Source[] {
  const { attr, value, relation, at } = permanode
  const sources: Source[] = []
  if (attr !== undefined && value !== undefined)
    sources.push({
      name: `permanodes that were ever said to have ${attr} ${JSON.stringify(value)}`,
      refs: () => facts.ground.index.permanodesSaid(attr, value),
      isInTables: at === undefined && isShared(attr, value),
    })
  const other = relation?.constraint.blobRefPrefix
  if (isBlobRef(other))
    sources.push({
      name: relation?.relation === 'child' ? `what refers to ${other}` : `what ${other} refers to`,
      refs: () => related(facts, other, { isParents: relation?.relation === 'child', at }),
    })
  return sources
}

async function* related(
  facts: ItemFacts,
  ref: BlobRef,
  { isParents, at }: { readonly isParents: boolean; readonly at: bigint | undefined },
): AsyncGenerator<BlobRef> {
  if (isParents) {
    yield* await facts.namers(ref)
    return
  }
  const state = await facts.permanode(ref, at)
  for (const values of state?.attributes.values() ?? []) yield* values.filter(isBlobRef)
}
