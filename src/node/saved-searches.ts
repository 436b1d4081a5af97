import type { JsonObject } from '../base/json.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { readQueryWithNames } from '../index/search-names.ts'
import { type ReadQuery, readQuery } from '../index/search-read.ts'
import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import type { Node } from './node.ts'

/** Attribute of a permanode that names a saved search; its content is a blob of the expression's text. */
export const NAMED_ATTRIBUTE = 'camliNamedSearch'

/** Longest text of a saved search in bytes: that of an expression, in any characters. */
const SAVED_BYTES_MAX = 40_000

/**
 * Reads a search query whose expression may name places and saved searches; `draft` is one that is about to be saved.
 * Rejects with `BAD_USAGE`.
 */
export async function readNodeQuery(
  node: Node,
  query: JsonObject,
  draft?: { readonly name: string; readonly expression: string },
): Promise<ReadQuery> {
  return readQueryWithNames(query, {
    place: async name => node.places.named(name),
    saved: async name => (name === draft?.name ? draft.expression : savedExpression(node, name)),
  })
}

/** The permanode of a saved search: of several of one name, the one that was changed last. */
export async function findSaved(node: Node, name: string): Promise<BlobRef | undefined> {
  const constraint = { permanode: { attr: NAMED_ATTRIBUTE, value: name } }
  const { refs } = await node.search.run(readQuery({ constraint, sort: '-mod', limit: 1 }))
  return refs[0]
}

/** The expression of a saved search; undefined where there is none of this name, or it is not here. */
export async function savedExpression(node: Node, name: string): Promise<string | undefined> {
  const permanode = await findSaved(node, name)
  const state = permanode && (await node.index.permanode(permanode))
  const content = state?.attributes.get(CONTENT_ATTRIBUTE)?.[0]
  if (!isBlobRef(content)) return undefined
  const [size = SAVED_BYTES_MAX + 1] = await node.store.stat([content])
  const bytes = size <= SAVED_BYTES_MAX ? await node.store.fetch(content) : undefined
  return bytes && Buffer.from(bytes).toString('utf8')
}
