import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type FetchBlob, fetchSchema } from './fetch.ts'
import { TREE_DEPTH_MAX } from './limits.ts'
import { parseSchema } from './parse-schema.ts'
import type { DirectorySchema, FileSchema, SpecialSchema, SymlinkSchema } from './schema-blob.ts'

/** What a directory can hold. */
export type NodeSchema = FileSchema | DirectorySchema | SymlinkSchema | SpecialSchema

export interface DirectoryEntry {
  readonly ref: BlobRef
  /** Undefined for a member that is not here, or that is nothing a directory can hold. */
  readonly node: NodeSchema | undefined
}

/** Entries fetched at a time: so many blobs of some hundred bytes wait for a slow caller. */
const READ_AHEAD = 32

/**
 * The entries of a directory in their order, as a stream: a directory of any size costs bounded memory but for
 * the refs of one static-set. A set that is met again inside one directory is an error: it can only be a bomb.
 * Rejects with `BLOB_MISSING` or `BAD_SCHEMA` for the sets themselves.
 */
export async function* readDirectory(
  fetch: FetchBlob,
  directory: DirectorySchema,
): AsyncGenerator<DirectoryEntry> {
  let ahead: Promise<DirectoryEntry>[] = []
  for await (const ref of readMembers(fetch, directory.entries)) {
    const entry = fetch(ref).then(bytes => ({ ref, node: bytes && nodeOf(bytes) }))
    // Whoever stops reading leaves these behind; their failure is nobody's then.
    entry.catch(() => undefined)
    ahead.push(entry)
    if (ahead.length < READ_AHEAD) continue
    yield* ahead
    ahead = []
  }
  yield* ahead
}

/** Static-sets of one directory: a hundred million entries, split as Perkeep splits them. */
const SETS_MAX = 10_002

/** The refs that a static-set holds, in order. Rejects with `BLOB_MISSING` or `BAD_SCHEMA`. */
export async function* readMembers(fetch: FetchBlob, top: BlobRef): AsyncGenerator<BlobRef> {
  const seen = new Set<BlobRef>()
  const ahead = [top]
  for (let ref = ahead.pop(); ref !== undefined; ref = ahead.pop()) {
    if (seen.has(ref)) throw badSet(ref, 'stands twice in one directory')
    seen.add(ref)
    const { members = [], mergeSets = [] } = await fetchSchema(fetch, ref, ['static-set'])
    yield* members
    if (members.length > 0) continue
    if (seen.size + ahead.length + mergeSets.length > SETS_MAX) {
      throw badSet(ref, `belongs to a directory of more than ${SETS_MAX} static-sets`)
    }
    ahead.push(...mergeSets.toReversed())
  }
}

function badSet(ref: BlobRef, what: string): PeerkeepError {
  return new PeerkeepError('BAD_SCHEMA', `the static-set ${ref} ${what}`, { details: { ref } })
}

/** A blob as an entry of a directory; undefined when it is none. */
export function nodeOf(bytes: Uint8Array): NodeSchema | undefined {
  const schema = parseSchema(bytes)
  switch (schema?.type) {
    case 'file':
    case 'directory':
    case 'symlink':
    case 'fifo':
    case 'socket':
      return schema
    case 'bytes':
    case 'static-set':
    case 'permanode':
    case 'claim':
    case 'facts':
    case 'unknown':
    case undefined:
      return undefined
  }
}

/** Throws `BAD_SCHEMA` when a walk over paths has gone deeper than any real tree. */
export function checkDepth(depth: number): void {
  if (depth > TREE_DEPTH_MAX) {
    throw new PeerkeepError(
      'BAD_SCHEMA',
      `a tree is nested more than ${TREE_DEPTH_MAX} levels deep`,
    )
  }
}
