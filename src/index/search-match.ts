import { matchesDirectory, matchesFile } from './search-files.ts'
import { type Candidate, type Matcher, type SearchGround, openFacts } from './search-items.ts'
import { matchesPermanode } from './search-permanodes.ts'
import type { Constraint, LogicalConstraint } from './search-query.ts'
import { isWithin } from './search-strings.ts'

/** Answers whether constraints hold, from `ground`. */
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
    if (permanode && !(type === 'permanode' && (await matchesPermanode(matcher, ref, permanode))))
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

  return matcher
}
