import type { BlobRef } from '../blob/ref.ts'
import type { FileFacts } from '../schema/schema-blob.ts'
import { readMembers } from '../schema/tree-reader.ts'
import { CONTAINED_MAX } from './limits.ts'
import { type Matcher, positionOfFile } from './search-items.ts'
import type { Constraint, DirectoryConstraint, FileConstraint } from './search-query.ts'
import { integerOf, isInTime, isInside, isWithin, matchesText } from './search-strings.ts'
import { badQuery } from './search-fields.ts'

export async function matchesFile(
  matcher: Matcher,
  ref: BlobRef,
  constraint: FileConstraint,
): Promise<boolean> {
  const item = await matcher.facts.file(ref)
  if (!item) return false
  const { fileSize, fileName, mimeType, wholeRef, isImage, parentDir } = constraint
  const isMatch =
    (!fileSize || isWithin(item.size, fileSize)) &&
    (!fileName || matchesText(item.name, fileName)) &&
    (!mimeType || matchesText(item.mediaType, mimeType)) &&
    (wholeRef === undefined || item.facts?.wholeRef === wholeRef) &&
    (isImage !== true || item.mediaType.startsWith('image/')) &&
    isOfTime(matcher, item.times, constraint) &&
    isTagged(item.facts, constraint) &&
    isOfSize(item.facts, constraint)
  if (!isMatch) return false
  if (constraint.location) {
    const position = positionOfFile(item)
    const { rectangle } = constraint.location
    if (!position || (rectangle && !isInside(position, rectangle))) return false
  }
  return !parentDir || isInDirectory(matcher, ref, parentDir)
}

function isOfTime(
  { facts }: Matcher,
  times: { readonly first: bigint; readonly last: bigint } | undefined,
  { time, modTime }: FileConstraint,
): boolean {
  const now = facts.ground.now()
  return (
    (!time || (times !== undefined && isInTime(times.first, time, now))) &&
    (!modTime || (times !== undefined && isInTime(times.last, modTime, now)))
  )
}

function isTagged(facts: FileFacts | undefined, { rating, mediaTag }: FileConstraint): boolean {
  if (rating && (facts?.rating === undefined || !isWithin(facts.rating, rating))) return false
  if (!mediaTag) return true
  const tags = facts?.mediaTags ?? {}
  const { tag, string, int } = mediaTag
  const text = Object.hasOwn(tags, tag) ? tags[tag] : undefined
  if (text === undefined || (string && !matchesText(text, string))) return false
  const number = int && integerOf(text)
  return !int || (number !== undefined && isWithin(number, int))
}

/** What is no picture has no width to be within anything. */
function isOfSize(
  facts: { readonly width?: number | undefined; readonly height?: number | undefined } | undefined,
  { width, height, ratio }: FileConstraint,
): boolean {
  if (!width && !height && !ratio) return true
  if (facts?.width === undefined || facts.height === undefined) return false
  return (
    (!width || isWithin(facts.width, width)) &&
    (!height || isWithin(facts.height, height)) &&
    (!ratio || isWithin(facts.width / facts.height, ratio))
  )
}

export async function matchesDirectory(
  matcher: Matcher,
  ref: BlobRef,
  constraint: DirectoryConstraint,
): Promise<boolean> {
  const { fileName, blobRefPrefix, parentDir, topFileCount, contains, recursiveContains } =
    constraint
  if (blobRefPrefix !== undefined && !ref.startsWith(blobRefPrefix)) return false
  const schema = await matcher.facts.schema(ref)
  if (schema?.type !== 'directory') return false
  if (fileName && !matchesText(Buffer.from(schema.name ?? []).toString('utf8'), fileName))
    return false
  if (topFileCount && !isWithin(await countFiles(matcher, schema.entries), topFileCount))
    return false
  if (contains && !(await holds(matcher, ref, contains, false))) return false
  if (recursiveContains && !(await holds(matcher, ref, recursiveContains, true))) return false
  return !parentDir || isInDirectory(matcher, ref, parentDir)
}

async function countFiles(matcher: Matcher, entries: BlobRef): Promise<number> {
  let count = 0
  for await (const child of membersOf(matcher, entries))
    if ((await matcher.facts.ground.index.meta(child))?.type === 'file') count += 1
  return count
}

/** Members of a set; those of what is damaged or not here are none. */
async function* membersOf({ facts }: Matcher, entries: BlobRef): AsyncGenerator<BlobRef> {
  try {
    yield* readMembers(facts.ground.fetch, entries)
  } catch {
    // A search goes on past a directory that cannot be read; `check` names it.
  }
}

/** Whether something in a directory matches; each blob below is looked at once. Rejects with `BAD_USAGE` past the limit. */
async function holds(
  matcher: Matcher,
  top: BlobRef,
  constraint: Constraint,
  isRecursive: boolean,
): Promise<boolean> {
  const { facts, matches } = matcher
  const seen = new Set<BlobRef>([top])
  const waiting = [top]
  for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
    const schema = await facts.schema(ref)
    if (schema?.type !== 'directory') continue
    for await (const child of membersOf(matcher, schema.entries)) {
      if (seen.has(child)) continue
      seen.add(child)
      if (seen.size > CONTAINED_MAX)
        throw badQuery(`a directory has more than ${CONTAINED_MAX} things below it`)
      const candidate = await facts.ground.candidate(child)
      if (!candidate) continue
      if (await matches(candidate, constraint)) return true
      if (isRecursive && candidate.type === 'directory') waiting.push(child)
    }
  }
  return false
}

/** Whether one of the directories that a file or directory lies in matches. */
async function isInDirectory(
  matcher: Matcher,
  ref: BlobRef,
  constraint: DirectoryConstraint,
): Promise<boolean> {
  const { facts } = matcher
  const seen = new Set<BlobRef>()
  const sets = [...(await facts.holders(ref, 'static-set'))]
  for (let set = sets.pop(); set !== undefined; set = sets.pop()) {
    if (seen.has(set)) continue
    seen.add(set)
    for (const directory of await facts.holders(set, 'directory'))
      if (await matchesDirectory(matcher, directory, constraint)) return true
    sets.push(...(await facts.holders(set, 'static-set')))
  }
  return false
}
