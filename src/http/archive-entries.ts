import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type FetchBlob, fetchNeeded } from '../schema/fetch.ts'
import { checkDepth, nodeOf, type NodeSchema, readDirectory } from '../schema/tree-reader.ts'
import { ARCHIVE_ENTRIES_MAX } from './file-limits.ts'

/** One thing in an archive. */
export interface ArchiveEntry {
  /** Names joined by `/`: none is empty, `.` or `..`, and no path stands twice. */
  readonly path: string
  readonly node: NodeSchema
}

/**
 * What `refs` (files, folders, links) hold, folders before what is in them. Names are what a stranger wrote: each is made one that
 * is safe to unpack. Rejects with `BLOB_MISSING`, `BAD_SCHEMA`, or `BAD_USAGE` for more entries than an archive may have.
 */
export async function* archiveEntries(
  fetch: FetchBlob,
  refs: readonly BlobRef[],
): AsyncGenerator<ArchiveEntry> {
  const names = openNames()
  let count = 0
  for (const ref of refs) {
    const node = nodeOf(await fetchNeeded(fetch, ref))
    if (!node)
      throw new PeerkeepError('BAD_SCHEMA', `the blob ${ref} is no file and no folder`, {
        details: { ref },
      })
    for await (const entry of walk(fetch, { path: names(node, ref), node }, 0)) {
      count += 1
      if (count > ARCHIVE_ENTRIES_MAX)
        throw new PeerkeepError(
          'BAD_USAGE',
          `an archive may have ${ARCHIVE_ENTRIES_MAX} entries; ask for fewer folders at a time`,
        )
      yield entry
    }
  }
}

async function* walk(
  fetch: FetchBlob,
  entry: ArchiveEntry,
  depth: number,
): AsyncGenerator<ArchiveEntry> {
  checkDepth(depth)
  yield entry
  if (entry.node.type !== 'directory') return
  const names = openNames()
  for await (const { ref, node } of readDirectory(fetch, entry.node)) {
    if (!node)
      throw new PeerkeepError('BLOB_MISSING', `the blob ${ref} of ${entry.path} is not here`, {
        details: { ref },
      })
    yield* walk(fetch, { path: `${entry.path}/${names(node, ref)}`, node }, depth + 1)
  }
}

/**
 * Names of one folder: of two that are equal once they are safe, or for a disk that tells no cases and no forms of accents
 * apart, the second gets a number.
 */
function openNames(): (node: NodeSchema, ref: BlobRef) => string {
  const taken = new Set<string>()
  // Where to count on: a folder of one name a hundred thousand times must not be counted through for each.
  const counts = new Map<string, number>()
  return ({ name }, ref) => {
    const safe = safeName(Buffer.from(name ?? []).toString('utf8')) || ref
    const folded = foldedName(safe)
    let unique = safe
    for (let count = counts.get(folded) ?? 2; taken.has(foldedName(unique)); count += 1) {
      unique = `${safe} (${count})`
      counts.set(folded, count + 1)
    }
    taken.add(foldedName(unique))
    return unique
  }
}

function foldedName(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

/** Without what a tool would take for a place elsewhere. */
function safeName(name: string): string {
  const clean = name.replaceAll(/[/\\\0]/g, '_').replace(/^([a-z]):/i, '$1_')
  return /^\.{1,2}$/.test(clean) ? clean.replaceAll('.', '_') : clean
}
