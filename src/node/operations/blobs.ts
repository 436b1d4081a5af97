import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { parseBlobRef } from '../../blob/ref.ts'
import { flagArgument, optionalNumber, optionalText } from '../arguments.ts'
import { looseBlobs } from '../loose-list.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'

/** Lists refs and sizes in order, or those that no claim reaches: `{ after?, limit?, loose }`. */
export const blobsOperation: Operation<Node> = {
  name: 'blobs',
  async run(node, args, { emit, signal }) {
    const after = optionalText(args, 'after')
    const limit = optionalNumber(args, 'limit') ?? Infinity
    const isLoose = flagArgument(args, 'loose')
    if (isLoose && after !== undefined)
      throw new PeerkeepError('BAD_USAGE', 'loose blobs are listed from the first one on')
    let count = 0
    if (limit === 0) return { count }
    const start = after === undefined ? undefined : parseBlobRef(after)
    for await (const value of isLoose ? looseItems(node) : node.store.enumerate(start)) {
      if (signal.aborted) throw new PeerkeepError('ABORTED', 'stopped')
      await emit({ type: 'item', value: { ...value } })
      count += 1
      if (count >= limit) break
    }
    return { count }
  },
}

async function* looseItems(node: Node): AsyncGenerator<JsonObject> {
  for await (const { ref, since, device, isPinned } of looseBlobs(node)) {
    const [size] = await node.store.stat([ref])
    const date = new Date(since).toISOString()
    yield { ref, size: size ?? null, since: date, device, pinned: isPinned }
  }
}
