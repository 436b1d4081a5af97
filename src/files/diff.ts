import type { BlobRef } from '../blob/ref.ts'
import { type FetchBlob } from '../schema/fetch.ts'
import { checkDepth, type NodeSchema, readDirectory } from '../schema/tree-reader.ts'
import { type FoundNode, listTree, resolvePath } from './list.ts'
import { joinPath } from './path-bytes.ts'

export interface Difference {
  /** Added, gone, content changed, or only mode, time, owner, type or link target changed. */
  readonly change: '+' | '-' | 'M' | 'T'
  readonly path: Uint8Array
}

/** What differs between two trees, by name; what has equal refs is not read. */
export async function* diffTrees(
  fetch: FetchBlob,
  a: BlobRef,
  b: BlobRef,
): AsyncGenerator<Difference> {
  const [before, after] = [await resolvePath(fetch, a, ''), await resolvePath(fetch, b, '')]
  yield* diffNodes({ fetch, path: new Uint8Array(), depth: 0 }, before, after)
}

interface Walk {
  readonly fetch: FetchBlob
  readonly path: Uint8Array
  readonly depth: number
}

async function* diffNodes(walk: Walk, a: FoundNode, b: FoundNode): AsyncGenerator<Difference> {
  if (a.ref === b.ref) return
  checkDepth(walk.depth)
  const { path } = walk
  if (a.node.type !== b.node.type) {
    yield { change: 'T', path }
    yield* below(walk, a, '-')
    yield* below(walk, b, '+')
    return
  }
  if (a.node.type === 'directory' && b.node.type === 'directory') {
    if (path.length > 0 && metadataOf(a.node) !== metadataOf(b.node)) yield { change: 'T', path }
    yield* diffFolders(walk, a.node, b.node)
    return
  }
  const isContent = contentOf(a.node) !== contentOf(b.node)
  if (isContent || metadataOf(a.node) !== metadataOf(b.node))
    yield { change: isContent ? 'M' : 'T', path }
}

type Folder = NodeSchema & { readonly type: 'directory' }

async function* diffFolders(walk: Walk, a: Folder, b: Folder): AsyncGenerator<Difference> {
  if (a.entries === b.entries) return
  const [before, after] = [await entriesOf(walk.fetch, a), await entriesOf(walk.fetch, b)]
  for (const name of [...new Set([...before.keys(), ...after.keys()])].toSorted()) {
    const [was, is] = [before.get(name), after.get(name)]
    const bytes = Buffer.from(name, 'latin1')
    const path = walk.path.length === 0 ? bytes : joinPath(walk.path, bytes)
    if (was && is) yield* diffNodes({ ...walk, path, depth: walk.depth + 1 }, was, is)
    else if (is) yield* whole({ ...walk, path }, is, '+')
    else if (was) yield* whole({ ...walk, path }, was, '-')
  }
}

async function entriesOf(fetch: FetchBlob, folder: Folder): Promise<Map<string, FoundNode>> {
  const entries = new Map<string, FoundNode>()
  for await (const { ref, node } of readDirectory(fetch, folder)) {
    if (node?.name) entries.set(Buffer.from(node.name).toString('latin1'), { ref, node })
  }
  return entries
}

/** Something that is on one side only, and everything below it. */
async function* whole(walk: Walk, found: FoundNode, change: '+' | '-'): AsyncGenerator<Difference> {
  yield { change, path: walk.path }
  yield* below(walk, found, change)
}

async function* below(
  walk: Walk,
  { ref, node }: FoundNode,
  change: '+' | '-',
): AsyncGenerator<Difference> {
  if (node.type !== 'directory') return
  for await (const entry of listTree(walk.fetch, ref, { recursive: true })) {
    yield { change, path: joinPath(walk.path, entry.path) }
  }
}

function contentOf(node: NodeSchema): string {
  if (node.type === 'file') return JSON.stringify(node.parts)
  return node.type === 'symlink' ? Buffer.from(node.target).toString('hex') : ''
}

function metadataOf(node: NodeSchema): string {
  const { permission, specialMode, ownerId, groupId, mtime } = node
  return [permission, specialMode, ownerId, groupId, mtime].map(String).join(' ')
}
