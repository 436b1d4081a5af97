import { once } from 'node:events'

import { parseBlobRef } from '../blob/ref.ts'
import { type FetchBlob, fetchSchema } from '../schema/fetch.ts'
import { readDirectory } from '../schema/tree-reader.ts'
import { goneSignal } from './gone-signal.ts'
import type { Route } from './server.ts'

/** Perkeep's listing of a folder: name, type and ref of each entry that is here, as they come. */
export function treeRoute(fetch: FetchBlob): (ref: string) => Route {
  return text => async (_request, response) => {
    const directory = await fetchSchema(fetch, parseBlobRef(text), ['directory'])
    const signal = goneSignal(response)
    response.setHeader('content-type', 'text/javascript')
    response.setHeader('x-content-type-options', 'nosniff')
    let separator = '{\n  "children": ['
    let count = 0
    for await (const { ref, node } of readDirectory(fetch, directory)) {
      if (!node) continue
      const name = Buffer.from(node.name ?? []).toString('utf8')
      const child = JSON.stringify({ name, type: node.type, blobRef: ref }, null, 2)
      const piece = `${separator}\n    ${child.replaceAll('\n', '\n    ')}`
      if (!response.write(piece)) await once(response, 'drain', { signal })
      separator = ','
      count += 1
    }
    response.end(count === 0 ? `${separator}]\n}\n` : '\n  ]\n}\n')
  }
}
