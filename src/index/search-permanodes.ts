import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { RELATED_MAX } from './limits.ts'
import type { PermanodeState } from './queries.ts'
import { type ItemFacts, type Matcher, isHidden } from './search-items.ts'
import type { Constraint, PermanodeConstraint, RelationConstraint } from './search-query.ts'
import { wordsOf } from './search-words.ts'
import {
  decimalOf,
  integerOf,
  isInTime,
  isInside,
  isWithin,
  matchesText,
} from './search-strings.ts'

export async function matchesPermanode(
  matcher: Matcher,
  ref: BlobRef,
  constraint: PermanodeConstraint,
): Promise<boolean> {
  const { facts } = matcher
  const { ground } = facts
  const { at, attr, modTime, time, skipHidden, relation, location, text } = constraint
  const state = await facts.permanode(ref, at)
  if (!state) return false
  if (skipHidden === true && isHidden(state)) return false
  if (modTime && !isInTime(state.modified, modTime, ground.now())) return false
  if (time && !isInTime(await facts.created(ref, at), time, ground.now())) return false
  if (attr !== undefined && !(await matchesValues(matcher, state, attr, constraint))) return false
  if (text && !hasWords(await facts.texts(ref, at), text)) return false
  if (location) {
    const position = await facts.position(ref, at)
    if (!position) return false
    if (location.rectangle && !isInside(position, location.rectangle)) return false
  }
  return !relation || matchesRelation(matcher, state, { ref, relation, at })
}

function hasWords(texts: readonly string[], words: readonly string[]): boolean {
  const missing = new Set(words)
  for (const text of texts) {
    for (const word of wordsOf(text)) missing.delete(word)
    if (missing.size === 0) return true
  }
  return false
}

async function matchesValues(
  matcher: Matcher,
  { attributes }: PermanodeState,
  attr: string,
  constraint: PermanodeConstraint,
): Promise<boolean> {
  const values = attributes.get(attr) ?? []
  const { numValue, valueAllMatch } = constraint
  if (numValue && !isWithin(values.length, numValue)) return false
  if (!testsValues(constraint)) return true
  if (values.length === 0) return false
  for (const value of values) {
    const isMatch = await matchesValue(matcher, value, constraint)
    if (isMatch !== (valueAllMatch === true)) return isMatch
  }
  return valueAllMatch === true
}

async function matchesValue(
  matcher: Matcher,
  text: string,
  constraint: PermanodeConstraint,
): Promise<boolean> {
  const { value, valueMatches, valueMatchesInt, valueMatchesFloat, valueInSet } = constraint
  if (value !== undefined && text !== value) return false
  if (valueMatches && !matchesText(text, valueMatches)) return false
  if (valueMatchesInt) {
    const number = integerOf(text)
    if (number === undefined || !isWithin(number, valueMatchesInt)) return false
  }
  if (valueMatchesFloat) {
    const number = decimalOf(text)
    if (number === undefined || !isWithin(number, valueMatchesFloat)) return false
  }
  return !valueInSet || matchesRef(matcher, text, valueInSet)
}

async function matchesRef(
  matcher: Matcher,
  text: string,
  constraint: Constraint,
): Promise<boolean> {
  if (!isBlobRef(text)) return false
  const candidate = await matcher.facts.ground.candidate(text)
  return candidate !== undefined && matcher.matches(candidate, constraint)
}

interface Related {
  readonly ref: BlobRef
  readonly relation: RelationConstraint
  readonly at: bigint | undefined
}

async function matchesRelation(
  matcher: Matcher,
  state: PermanodeState,
  { ref, relation, at }: Related,
): Promise<boolean> {
  const { isAll, constraint } = relation
  const related =
    relation.relation === 'child'
      ? childrenOf(state, relation)
      : parentsOf(matcher.facts, { ref, relation, at })
  let count = 0
  for await (const other of related) {
    if (++count > RELATED_MAX) break
    const isMatch = await matchesRef(matcher, other, constraint)
    if (isMatch !== isAll) return isMatch
  }
  return isAll && count > 0
}

async function* parentsOf(
  facts: ItemFacts,
  { ref, relation, at }: Related,
): AsyncGenerator<BlobRef> {
  for (const parent of await facts.namers(ref)) {
    const state = await facts.permanode(parent, at)
    if (state && refersTo(state, ref, relation)) yield parent
  }
}

function refersTo(state: PermanodeState, ref: BlobRef, relation: RelationConstraint): boolean {
  // A set of many is asked for one child after the other.
  const known = childSets.get(state)
  if (known && known.edgeType === relation.edgeType) return known.children.has(ref)
  const children = new Set(childrenOf(state, relation))
  childSets.set(state, { edgeType: relation.edgeType, children })
  return children.has(ref)
}

interface ChildSet {
  readonly edgeType: string | undefined
  readonly children: ReadonlySet<BlobRef>
}

/** What permanodes refer to, for as long as their states are remembered. */
const childSets = new WeakMap<PermanodeState, ChildSet>()

/** Whether what a value is matters, beside how many there are. */
export function testsValues(constraint: PermanodeConstraint): boolean {
  const { value, valueMatches, valueMatchesInt, valueMatchesFloat, valueInSet } = constraint
  return [value, valueMatches, valueMatchesInt, valueMatchesFloat, valueInSet].some(
    test => test !== undefined,
  )
}

/** What a permanode refers to by attributes that make it a set or a directory, or by the one that is named. */
function* childrenOf(
  { attributes }: PermanodeState,
  { edgeType }: RelationConstraint,
): Generator<BlobRef> {
  for (const [name, values] of attributes) {
    const isEdge =
      edgeType === undefined
        ? name === 'camliMember' || name.startsWith('camliPath:')
        : name === edgeType
    if (isEdge) yield* values.filter(isBlobRef)
  }
}
