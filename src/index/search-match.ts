import type { BlobRef } from '../blob/ref.ts'
import { isBlobRef } from '../blob/ref.ts'
import { RELATED_MAX } from './limits.ts'
import { matchesDirectory, matchesFile } from './search-files.ts'
import { type ItemState, type SearchGround, isHidden, openFacts } from './search-items.ts'
import type {
  Constraint,
  LogicalConstraint,
  PermanodeConstraint,
  RelationConstraint,
} from './search-query.ts'
import {
  decimalOf,
  integerOf,
  isInTime,
  isInside,
  isWithin,
  matchesText,
} from './search-strings.ts'

/** A blob that may be what is searched for. */
export interface Candidate {
  readonly ref: BlobRef
  /** Undefined for data. */
  readonly type: string | undefined
}

/** Whether a constraint holds of blobs. Each question about one blob is asked once, while it is looked at. */
export interface Matcher {
  readonly matches: (candidate: Candidate, constraint: Constraint) => Promise<boolean>
  readonly facts: ReturnType<typeof openFacts>
}

export function openMatcher(ground: SearchGround): Matcher {
  const facts = openFacts(ground)
  const matcher: Matcher = { facts, matches }

  /** Cheap tests first; all that are there must hold, and there must be one. */
  async function matches(candidate: Candidate, constraint: Constraint): Promise<boolean> {
    const { logical, anything, camliType, anyCamliType, blobRefPrefix, blobSize } = constraint
    const { file, dir, permanode } = constraint
    const { ref, type } = candidate
    if (Object.values(constraint).every(field => field === undefined)) return false
    if (camliType !== undefined && type !== camliType) return false
    if (anyCamliType === true && type === undefined) return false
    if (blobRefPrefix !== undefined && !ref.startsWith(blobRefPrefix)) return false
    if (blobSize && !isWithin((await ground.sizeOf(ref)) ?? 0, blobSize)) return false
    if (file && !(type === 'file' && (await matchesFile(matcher, ref, file)))) return false
    if (dir && !(type === 'directory' && (await matchesDirectory(matcher, ref, dir)))) return false
    if (permanode && !(type === 'permanode' && (await matchesPermanode(ref, permanode))))
      return false
    if (logical) return matchesLogical(candidate, logical)
    return anything !== false
  }

  async function matchesLogical(
    candidate: Candidate,
    { op, a, b }: LogicalConstraint,
  ): Promise<boolean> {
    const first = await matches(candidate, a)
    if (op === 'not') return !first
    if (!b || (op === 'and' && !first)) return false
    if (op === 'or' && first) return true
    const second = await matches(candidate, b)
    return op === 'xor' ? first !== second : second
  }

  async function matchesPermanode(ref: BlobRef, constraint: PermanodeConstraint): Promise<boolean> {
    const { at, attr, modTime, time, skipHidden, relation, location } = constraint
    const state = await facts.permanode(ref, at)
    if (!state) return false
    if (skipHidden === true && isHidden(state)) return false
    if (modTime && !isInTime(state.modified, modTime, ground.now())) return false
    if (time && !isInTime(await facts.created(ref, at), time, ground.now())) return false
    if (attr !== undefined && !(await matchesValues(state, attr, constraint))) return false
    if (location) {
      const position = await facts.position(ref, at)
      if (!position) return false
      if (location.rectangle && !isInside(position, location.rectangle)) return false
    }
    return !relation || matchesRelation(ref, state, { relation, at })
  }

  async function matchesValues(
    { attributes }: ItemState,
    attr: string,
    constraint: PermanodeConstraint,
  ): Promise<boolean> {
    const values = attributes.get(attr) ?? []
    const { numValue, valueAllMatch } = constraint
    if (numValue && !isWithin(values.length, numValue)) return false
    if (!testsValues(constraint)) return true
    if (values.length === 0) return false
    for (const value of values) {
      const isMatch = await matchesValue(value, constraint)
      if (isMatch !== (valueAllMatch === true)) return isMatch
    }
    return valueAllMatch === true
  }

  async function matchesValue(text: string, constraint: PermanodeConstraint): Promise<boolean> {
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
    return !valueInSet || matchesRef(text, valueInSet)
  }

  async function matchesRef(text: string, constraint: Constraint): Promise<boolean> {
    if (!isBlobRef(text)) return false
    const candidate = await ground.candidate(text)
    return candidate !== undefined && matches(candidate, constraint)
  }

  async function matchesRelation(
    ref: BlobRef,
    state: ItemState,
    { relation, at }: { readonly relation: RelationConstraint; readonly at: bigint | undefined },
  ): Promise<boolean> {
    const { isAll, constraint } = relation
    const related =
      relation.relation === 'child' ? childrenOf(state, relation) : parentsOf(ref, relation, at)
    let count = 0
    for await (const other of related) {
      if (++count > RELATED_MAX) break
      const isMatch = await matchesRef(other, constraint)
      if (isMatch !== isAll) return isMatch
    }
    return isAll && count > 0
  }

  async function* parentsOf(
    ref: BlobRef,
    relation: RelationConstraint,
    at: bigint | undefined,
  ): AsyncGenerator<BlobRef> {
    for (const parent of await facts.namers(ref)) {
      const state = await facts.permanode(parent, at)
      for await (const child of state ? childrenOf(state, relation) : []) {
        if (child !== ref) continue
        yield parent
        break
      }
    }
  }

  return matcher
}

function testsValues(constraint: PermanodeConstraint): boolean {
  const { value, valueMatches, valueMatchesInt, valueMatchesFloat, valueInSet } = constraint
  return [value, valueMatches, valueMatchesInt, valueMatchesFloat, valueInSet].some(
    test => test !== undefined,
  )
}

/** What a permanode refers to by attributes that make it a set or a directory, or by the one that is named. */
function* childrenOf(
  { attributes }: ItemState,
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
