import type { JsonObject, JsonValue } from '../base/json.ts'
import type { SearchResult } from '../index/search-query.ts'
import { type ReadQuery, writeToken } from '../index/search-read.ts'
import type { Node } from '../node/node.ts'
import { readNodeQuery } from '../node/saved-searches.ts'
import { goneSignal } from './gone-signal.ts'
import { readJsonBody, sendPerkeepJson } from './respond.ts'
import { describeRequestOf } from './search-requests.ts'
import { describeBlobs, metaOf } from './search-describe.ts'
import type { Route } from './server.ts'

/** Perkeep's search query (PROTOCOL 12), and what the one who asks wants described of what is found. */
export function queryRoute(node: Node): Route {
  return async (request, response) => {
    const body = await readJsonBody(request)
    await node.index.catchUp()
    const query = await readNodeQuery(node, body)
    const result = await node.search.run(query, { signal: goneSignal(response) })
    sendPerkeepJson(response, await answerOf(node, query, result))
  }
}

async function answerOf(
  node: Node,
  query: ReadQuery,
  { refs, next, area }: SearchResult,
): Promise<JsonObject> {
  return {
    blobs: refs.length > 0 ? refs.map(blob => ({ blob })) : null,
    description: await descriptionOf(node, query, refs),
    LocationArea: area
      ? { North: area.north, South: area.south, West: area.west, East: area.east }
      : null,
    ...(next ? { continue: writeToken(next) } : {}),
  }
}

async function descriptionOf(
  node: Node,
  { describe }: ReadQuery,
  refs: SearchResult['refs'],
): Promise<JsonValue> {
  if (!describe) return null
  const described = await describeBlobs(node, { ...describeRequestOf(describe), refs })
  return { meta: metaOf(described) }
}
