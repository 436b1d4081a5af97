import type { BlobRef } from '../../blob/ref.ts'
import type { SnapshotOptions } from '../../files/snapshot-run.ts'
import { snapshotTree } from '../../files/snapshot.ts'
import { CONTENT_ATTRIBUTE } from '../../schema/well-known.ts'
import { flagArgument, optionalText, signingNode, textsArgument } from '../arguments.ts'
import { openFactsCollector, unsaidFacts } from '../facts-collector.ts'
import { openFilenodes } from '../filenodes.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'
import { progressReporter } from '../progress-reporter.ts'
import { reportProblems } from './backup.ts'
import { describePermanode } from './claims.ts'

/**
 * Stores files and folders as pk-put does: `{ paths, contentsOnly, filenodes, permanode, title?, tags, force? }`. What
 * needs no claim is stored whatever the clock.
 */
export const putOperation: Operation<Node> = {
  name: 'put',
  async run(openedNode, args, context) {
    const node = signingNode(openedNode, args)
    const isFilenodes = flagArgument(args, 'filenodes')
    const mode = flagArgument(args, 'contentsOnly') ? 'contents-only' : 'put'
    const title = optionalText(args, 'title')
    const tags = textsArgument(args, 'tags')
    const isPermanode = flagArgument(args, 'permanode')
    if (isFilenodes || isPermanode) node.claims.requireClock()
    let count = 0
    for (const path of textsArgument(args, 'paths')) {
      const filenodes = isFilenodes ? openFilenodes(node, tags) : undefined
      const ref = await putOne(node, { path, mode, onFile: filenodes?.add }, context)
      await filenodes?.finish()
      const permanode = isPermanode ? await putPermanode(node, ref, { title, tags }) : undefined
      await context.emit({ type: 'item', value: { path, ref, permanode: permanode ?? null } })
      count += 1
    }
    return { count }
  },
}

interface PutOne {
  readonly path: string
  readonly mode: SnapshotOptions['mode']
  readonly onFile: SnapshotOptions['onFacts']
}

async function putOne(
  node: Node,
  { path, mode, onFile }: PutOne,
  context: OperationContext,
): Promise<BlobRef> {
  const facts = openFactsCollector(
    node.claims.refusal() === undefined ? node.claims : undefined,
    unsaidFacts(node.index),
  )
  const result = await snapshotTree({
    source: path,
    door: node.door,
    clock: node.system.clock,
    mode,
    onFacts: (fact, mtime) => {
      facts.add(fact)
      onFile?.(fact, mtime)
    },
    onProgress: progressReporter('put', node.system.clock, context),
    signal: context.signal,
  })
  await facts.finish()
  await reportProblems(result, context)
  return result.root
}

async function putPermanode(
  node: Node,
  content: BlobRef,
  options: { readonly title: string | undefined; readonly tags: readonly string[] },
): Promise<BlobRef> {
  const permanode = await node.claims.randomPermanode()
  const claim = {
    claimType: 'set-attribute',
    permanode,
    attribute: CONTENT_ATTRIBUTE,
    value: content,
  } as const
  await node.claims.sign(claim)
  await describePermanode(node.claims, permanode, options)
  return permanode
}
