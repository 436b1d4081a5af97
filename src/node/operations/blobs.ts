import { PeerkeepError } from '../../base/errors.ts'
import { parseBlobRef } from '../../blob/ref.ts'
import { optionalNumber, optionalText } from '../arguments.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'

/** Lists refs and sizes in order: `{ after?, limit? }`. */
export const blobsOperation: Operation<Node> = {
  name: 'blobs',
  async run(node, args, { emit, signal }) {
    const after = optionalText(args, 'after')
    const limit = optionalNumber(args, 'limit') ?? Infinity
    let count = 0
    if (limit === 0) return { count }
    for await (const { ref, size } of node.store.enumerate(
      after === undefined ? undefined : parseBlobRef(after),
    )) {
      if (signal.aborted) throw new PeerkeepError('ABORTED', 'stopped')
      await emit({ type: 'item', value: { ref, size } })
      count += 1
      if (count >= limit) break
    }
    return { count }
  },
}
