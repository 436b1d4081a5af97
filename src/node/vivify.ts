import { createHash } from 'node:crypto'

import type { BlobRef } from '../blob/ref.ts'
import { readFileContent } from '../schema/file-reader.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import type { Part } from '../schema/schema-blob.ts'
import { openFilenodes } from './filenodes.ts'
import type { Node } from './node.ts'

/** Zeros of a hole are hashed in pieces of this many bytes. */
const ZEROS = new Uint8Array(64 * 1024)

/**
 * Gives each of these blobs that is a file a permanode of its own, as `put --filenodes` does; answers that of the last one,
 * undefined when none is a file. All of their content must be here.
 */
export async function vivifyFiles(
  node: Node,
  refs: readonly BlobRef[],
): Promise<BlobRef | undefined> {
  let made: BlobRef | undefined
  for (const ref of refs) {
    const bytes = await node.store.fetch(ref)
    const schema = bytes && parseSchema(bytes)
    if (schema?.type !== 'file') continue
    node.claims.requireClock()
    const wholeRef = await wholeRefOf(node, schema.parts)
    const filenodes = openFilenodes(node, [])
    filenodes.add({ file: ref, wholeRef, size: 0 }, schema.mtime ?? 0n)
    await filenodes.finish()
    made = await node.index.plannedPermanode(wholeRef)
  }
  return made
}

async function wholeRefOf(node: Node, parts: readonly Part[]): Promise<BlobRef> {
  const digest = createHash('sha224')
  for await (const { bytes, size } of readFileContent(ref => node.store.fetch(ref), parts)) {
    if (bytes) digest.update(bytes)
    else
      for (let left = size; left > 0; left -= ZEROS.length) digest.update(ZEROS.subarray(0, left))
  }
  return `sha224-${digest.digest('hex')}` as BlobRef
}
