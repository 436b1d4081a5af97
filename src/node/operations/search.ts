import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { type BlobRef, isBlobRef } from '../../blob/ref.ts'
import { displayName } from '../../files/display-name.ts'
import { writeToken } from '../../index/search-read.ts'
import { sizeOfParts } from '../../schema/file-reader.ts'
import { parseSchema } from '../../schema/parse-schema.ts'
import { formatTime } from '../../schema/time.ts'
import { CONTENT_ATTRIBUTE, TITLE_ATTRIBUTE } from '../../schema/well-known.ts'
import { optionalNumber, optionalText } from '../arguments.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'
import { NAMED_ATTRIBUTE, findSaved, readNodeQuery, savedExpression } from '../saved-searches.ts'

/**
 * Finds blobs: `{ expression? | query? | named?, limit?, continue? }`, where `query` is a Perkeep query in JSON. Emits what is
 * found, in order; answers where to go on, and how it was found.
 */
export const searchOperation: Operation<Node> = {
  name: 'search',
  async run(node, args, { emit, signal }) {
    await node.index.catchUp()
    const query = await readNodeQuery(node, await queryOf(node, args))
    const { refs, next, explanation } = await node.search.run(query, { signal })
    for (const ref of refs) await emit({ type: 'item', value: await describeFound(node, ref) })
    return {
      found: refs.length,
      next: next ? writeToken(next) : null,
      source: explanation.source,
      looked: explanation.looked,
    }
  },
}

async function queryOf(node: Node, args: JsonObject): Promise<JsonObject> {
  const page = {
    ...given('limit', optionalNumber(args, 'limit')),
    ...given('continue', optionalText(args, 'continue')),
    ...given('sort', optionalText(args, 'sort')),
  }
  const query = args['query'] ?? undefined
  if (query !== undefined) {
    if (typeof query !== 'object' || Array.isArray(query))
      throw new PeerkeepError('BAD_USAGE', 'query must be a JSON object')
    return { ...(query as JsonObject), ...page }
  }
  const named = optionalText(args, 'named')
  const expression =
    named === undefined ? optionalText(args, 'expression') : await saved(node, named)
  return { expression: expression ?? '', ...page }
}

function given(name: string, value: string | number | undefined): JsonObject {
  return value === undefined ? {} : { [name]: value }
}

/** The text of a saved search. */
async function saved(node: Node, name: string): Promise<string> {
  const expression = await savedExpression(node, name)
  if (expression !== undefined) return expression
  throw new PeerkeepError(
    'NOT_FOUND',
    `there is no saved search ${name}; 'peerkeep search --save ${name} EXPR' makes one`,
  )
}

async function describeFound(node: Node, ref: BlobRef): Promise<JsonObject> {
  const type = (await node.index.meta(ref))?.type ?? 'data'
  if (type !== 'permanode') return { ref, type, ...(await namedFields(node, ref)) }
  const state = await node.index.permanode(ref)
  const content = state?.attributes.get(CONTENT_ATTRIBUTE)?.[0]
  const { name } = isBlobRef(content) ? await namedFields(node, content) : { name: null }
  return {
    ref,
    type,
    title: state?.attributes.get(TITLE_ATTRIBUTE)?.[0] ?? null,
    name: name ?? null,
    tags: [...(state?.attributes.get('tag') ?? [])],
    date: state ? formatTime(state.modified) : null,
  }
}

/** Name, size and time of a file or directory. */
async function namedFields(node: Node, ref: BlobRef): Promise<JsonObject> {
  const bytes = (await node.index.meta(ref)) && (await node.store.fetch(ref))
  const schema = bytes && parseSchema(bytes)
  if (schema?.type !== 'file' && schema?.type !== 'directory') return { name: null, date: null }
  return {
    name: schema.name === undefined ? null : displayName(schema.name),
    date: schema.mtime === undefined ? null : formatTime(schema.mtime),
    ...(schema.type === 'file' ? { size: sizeOfParts(schema.parts) } : {}),
  }
}

/** Keeps an expression under a name: `{ name, expression }`. Answers the permanode. */
export const saveSearchOperation: Operation<Node> = {
  name: 'save-search',
  async run(node, args) {
    const name = optionalText(args, 'name') ?? ''
    const expression = optionalText(args, 'expression') ?? ''
    if (name === '') throw new PeerkeepError('BAD_USAGE', 'a saved search needs a name')
    await node.index.catchUp()
    await readNodeQuery(node, { expression }, { name, expression })
    const { ref: content } = await node.door.receive(Buffer.from(expression))
    const known = await findSaved(node, name)
    const permanode = known ?? (await node.claims.randomPermanode())
    const set = (attribute: string, value: string): Promise<unknown> =>
      node.claims.sign({ claimType: 'set-attribute', permanode, attribute, value })
    if (known === undefined) await set(NAMED_ATTRIBUTE, name)
    await set(CONTENT_ATTRIBUTE, content)
    return { permanode, content }
  },
}
