import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type FetchBlob, fetchNeeded } from '../schema/fetch.ts'
import { sizeOfParts } from '../schema/file-reader.ts'
import { checkDepth, nodeOf, type NodeSchema, readDirectory } from '../schema/tree-reader.ts'
import { bytesOfDisplay } from './display-name.ts'
import { joinPath } from './path-bytes.ts'

export interface FoundNode {
  readonly ref: BlobRef
  readonly node: NodeSchema
}

/**
 * Walks `path` (names joined by `/`, as `displayName` shows them) down from a root. Rejects with `NOT_FOUND`,
 * naming the part that is not there, `BLOB_MISSING`, or `BAD_SCHEMA` for a root that is no file or folder.
 */
export async function resolvePath(
  fetch: FetchBlob,
  root: BlobRef,
  path: string,
): Promise<FoundNode> {
  const top = nodeOf(await fetchNeeded(fetch, root))
  if (!top)
    throw new PeerkeepError('BAD_SCHEMA', `${root} is no file or folder`, {
      details: { ref: root },
    })
  let found: FoundNode = { ref: root, node: top }
  const names = path.split('/').filter(name => name !== '')
  for (const [at, name] of names.entries()) {
    const next = await findEntry(fetch, found.node, bytesOfDisplay(name))
    if (!next) {
      throw new PeerkeepError(
        'NOT_FOUND',
        `there is no ${names.slice(0, at + 1).join('/')} in that snapshot`,
      )
    }
    found = next
  }
  return found
}

async function findEntry(
  fetch: FetchBlob,
  directory: NodeSchema,
  name: Uint8Array,
): Promise<FoundNode | undefined> {
  if (directory.type !== 'directory') return undefined
  for await (const { ref, node } of readDirectory(fetch, directory)) {
    if (node?.name && Buffer.compare(node.name, name) === 0) return { ref, node }
  }
  return undefined
}

export interface TreeEntry extends FoundNode {
  /** Below the folder that is listed; a listed file's is its name. */
  readonly path: Uint8Array
  /** Bytes of a file; undefined for anything else. */
  readonly size: number | undefined
}

/** What a folder holds, with `recursive` also what is below, each folder before its content. A file lists itself. */
export async function* listTree(
  fetch: FetchBlob,
  ref: BlobRef,
  { recursive }: { readonly recursive: boolean },
): AsyncGenerator<TreeEntry> {
  const { node } = await resolvePath(fetch, ref, '')
  if (node.type === 'directory')
    yield* listFolder({ fetch, recursive }, node, { path: new Uint8Array(), depth: 0 })
  else yield entryOf(ref, node, node.name ?? new Uint8Array())
}

interface Listing {
  readonly fetch: FetchBlob
  readonly recursive: boolean
}

async function* listFolder(
  listing: Listing,
  folder: NodeSchema & { readonly type: 'directory' },
  place: { readonly path: Uint8Array; readonly depth: number },
): AsyncGenerator<TreeEntry> {
  checkDepth(place.depth)
  for await (const { ref, node } of readDirectory(listing.fetch, folder)) {
    if (!node?.name) continue
    const path = place.path.length === 0 ? node.name : joinPath(place.path, node.name)
    yield entryOf(ref, node, path)
    if (listing.recursive && node.type === 'directory') {
      yield* listFolder(listing, node, { path, depth: place.depth + 1 })
    }
  }
}

function entryOf(ref: BlobRef, node: NodeSchema, path: Uint8Array): TreeEntry {
  return { path, ref, node, size: node.type === 'file' ? sizeOfParts(node.parts) : undefined }
}
