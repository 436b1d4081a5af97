import type { BlobRef } from '../blob/ref.ts'
import { displayName } from '../files/display-name.ts'
import { nodeOf } from '../schema/tree-reader.ts'
import type { Node } from './node.ts'

/** Files that one damaged blob may be needed by, at most as many are named. */
const USERS_MAX = 20

/** Schema blobs that are walked upwards from one blob. */
const WALKED_MAX = 10_000

/** The files and folders that cannot be restored without a blob: their names, walked upwards over edges. */
export async function findUsers(node: Node, ref: BlobRef): Promise<string[]> {
  const users: string[] = []
  const seen = new Set<BlobRef>([ref])
  const waiting: BlobRef[] = [ref]
  for (let at = 0; at < waiting.length && users.length < USERS_MAX; at += 1) {
    const next = waiting[at]
    if (next === undefined) break
    const name = await nameOf(node, next)
    // A named file is what a person knows; the folders above it hold it.
    if (name !== undefined) {
      users.push(name)
      continue
    }
    for await (const parent of node.index.edgesTo(next)) {
      if (seen.size >= WALKED_MAX) break
      if (seen.has(parent)) continue
      seen.add(parent)
      waiting.push(parent)
    }
  }
  return users
}

async function nameOf(node: Node, ref: BlobRef): Promise<string | undefined> {
  if ((await node.index.meta(ref)) === undefined) return undefined
  const bytes = await node.store.fetch(ref).catch(() => undefined)
  const name = bytes && nodeOf(bytes)?.name
  return name === undefined ? undefined : `${displayName(name)} (${ref})`
}
