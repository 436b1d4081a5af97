import { basename, dirname } from 'node:path'

import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { type BlobRef, isBlobRef, parseBlobRef, refOf } from '../../blob/ref.ts'
import { restoreTree, type RestoreResult } from '../../files/restore.ts'
import { readFileContent } from '../../schema/file-reader.ts'
import { parseSchema } from '../../schema/parse-schema.ts'
import { nodeOf } from '../../schema/tree-reader.ts'
import { writeSchema } from '../../schema/write-schema.ts'
import { flagArgument, textArgument } from '../arguments.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'
import { progressReporter } from '../progress-reporter.ts'
import { reportProblems } from './backup.ts'
import { resolveNode } from './trees.ts'

/** Restores a target into a folder: `{ target, output, overwrite }`. */
export const restoreOperation: Operation<Node> = {
  name: 'restore',
  async run(node, args, context) {
    const { ref } = await resolveNode(node, textArgument(args, 'target'))
    const output = textArgument(args, 'output')
    return restoreTo(node, { ref, output, overwrite: flagArgument(args, 'overwrite') }, context)
  },
}

interface Destination {
  readonly ref: BlobRef
  readonly output: string
  readonly overwrite: boolean
}

/** Restores a ref, or in its place a blob that is only made up for this. */
// oxlint-disable-next-line max-params -- the last one is the exception
async function restoreTo(
  node: Node,
  place: Destination,
  context: OperationContext,
  top?: Uint8Array,
): Promise<JsonObject> {
  const { clock } = node.system
  const begin = clock.monotonic()
  const root = top === undefined ? place.ref : refOf(top)
  const result = await restoreTree({
    fetch: async ref => (ref === root && top !== undefined ? top : node.store.fetch(ref)),
    root,
    target: place.output,
    overwrite: place.overwrite,
    onProgress: progressReporter('restore', clock, context),
    signal: context.signal,
  })
  return report(result, (clock.monotonic() - begin) / 1000, context)
}

async function report(
  result: RestoreResult,
  seconds: number,
  context: OperationContext,
): Promise<JsonObject> {
  await reportProblems(result, context)
  const { problems, moreProblems, ...counts } = result
  return { ...counts, problems: problems.length + moreProblems, seconds }
}

/** Writes what a ref names to a path: `{ ref, output, overwrite }`. */
export const getOperation: Operation<Node> = {
  name: 'get',
  async run(node, args, context) {
    const ref = await contentOf(node, parseBlobRef(textArgument(args, 'ref')))
    const place = {
      ref,
      output: textArgument(args, 'output'),
      overwrite: flagArgument(args, 'overwrite'),
    }
    const bytes = await fetchBlob(node, ref)
    if (parseSchema(bytes)?.type === 'directory') return restoreTo(node, place, context)
    return restoreTo(
      node,
      { ...place, output: dirname(place.output) },
      context,
      renamed(ref, bytes, place.output),
    )
  },
}

/** The file that a blob describes, or whose bytes it is, under the name that it shall have. */
function renamed(ref: BlobRef, bytes: Uint8Array, path: string): Uint8Array {
  const name = Buffer.from(basename(path))
  const schema = parseSchema(bytes)
  const node = nodeOf(bytes)
  if (node) return writeSchema({ ...node, name, hardlink: undefined })
  if (schema?.type === 'bytes') return writeSchema({ type: 'file', name, parts: schema.parts })
  return writeSchema({ type: 'file', name, parts: [{ blobRef: ref, size: bytes.length }] })
}

/** Writes the content of a file, or the bytes of any other blob: `{ ref, raw }`. */
export const catOperation: Operation<Node> = {
  name: 'cat',
  async run(node, args, { emit, signal }) {
    const isRaw = flagArgument(args, 'raw')
    const named = parseBlobRef(textArgument(args, 'ref'))
    const bytes = await fetchBlob(node, isRaw ? named : await contentOf(node, named))
    const schema = isRaw ? undefined : parseSchema(bytes)
    if (schema?.type !== 'file' && schema?.type !== 'bytes') {
      await emit({ type: 'bytes', bytes })
      return { bytes: bytes.length }
    }
    let count = 0
    for await (const piece of readFileContent(ref => node.store.fetch(ref), schema.parts)) {
      for (let left = piece.size; left > 0; left -= HOLE_PIECE_BYTES) {
        signal.throwIfAborted()
        const zeros = (): Uint8Array => new Uint8Array(Math.min(left, HOLE_PIECE_BYTES))
        await emit({ type: 'bytes', bytes: piece.bytes ?? zeros() })
        if (piece.bytes) break
      }
      count += piece.size
    }
    return { bytes: count }
  },
}

/** A hole is written in pieces of this size. */
const HOLE_PIECE_BYTES = 1024 * 1024

/** What a permanode stands for: its content; any other ref stands for itself. */
async function contentOf(node: Node, ref: BlobRef): Promise<BlobRef> {
  const content = (await node.index.permanode(ref))?.attributes.get('camliContent')?.at(-1)
  return isBlobRef(content) ? content : ref
}

async function fetchBlob(node: Node, ref: BlobRef): Promise<Uint8Array> {
  const bytes = await node.store.fetch(ref)
  if (bytes) return bytes
  throw new PeerkeepError('NOT_FOUND', `the blob ${ref} is not here`)
}
