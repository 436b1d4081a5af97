import type { BlobRef } from '../../blob/ref.ts'
import type { SnapshotOptions } from '../../files/snapshot-run.ts'
import { snapshotTree } from '../../files/snapshot.ts'
import type { FileFacts, Nanoseconds } from '../../schema/schema-blob.ts'
import { CONTENT_ATTRIBUTE } from '../../schema/well-known.ts'
import { parseSchema } from '../../schema/parse-schema.ts'
import { flagArgument, optionalText, signingNode, textsArgument } from '../arguments.ts'
import { openFactsCollector } from '../facts-collector.ts'
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
  readonly onFile: ((facts: FileFacts) => void) | undefined
}

async function putOne(
  node: Node,
  { path, mode, onFile }: PutOne,
  context: OperationContext,
): Promise<BlobRef> {
  const facts = openFactsCollector(node.claims.refusal() === undefined ? node.claims : undefined)
  const result = await snapshotTree({
    source: path,
    door: node.door,
    clock: node.system.clock,
    mode,
    onFacts: fact => {
      facts.add(fact)
      onFile?.(fact)
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

interface Filenodes {
  add(facts: FileFacts): void
  finish(): Promise<void>
}

/**
 * A planned permanode for every file, whose key is the digest of its content, so that equal content has one
 *. Its claims bear the file's time, at most now. What is said already is not said again.
 */
function openFilenodes(node: Node, tags: readonly string[]): Filenodes {
  const files: FileFacts[] = []
  return {
    add: facts => void files.push(facts),
    async finish() {
      for (const { file, wholeRef } of files) await putFilenode(node, { file, wholeRef, tags })
    },
  }
}

async function putFilenode(
  node: Node,
  { file, wholeRef, tags }: { file: BlobRef; wholeRef: BlobRef; tags: readonly string[] },
): Promise<void> {
  const permanode = await node.claims.plannedPermanode(wholeRef, 0n)
  const attributes = (await node.index.permanode(permanode))?.attributes
  const date = await fileTime(node, file)
  const on = { permanode } as const
  if (attributes?.get(CONTENT_ATTRIBUTE)?.at(-1) !== file) {
    await node.claims.sign(
      { claimType: 'set-attribute', ...on, attribute: CONTENT_ATTRIBUTE, value: file },
      date,
    )
  }
  for (const tag of tags) {
    if (attributes?.get('tag')?.includes(tag) === true) continue
    await node.claims.sign(
      { claimType: 'add-attribute', ...on, attribute: 'tag', value: tag },
      date,
    )
  }
}

async function fileTime(node: Node, file: BlobRef): Promise<Nanoseconds | undefined> {
  const bytes = await node.store.fetch(file)
  const schema = bytes && parseSchema(bytes)
  const now = BigInt(node.system.clock.now()) * 1_000_000n
  if (schema?.type !== 'file' || schema.mtime === undefined || schema.mtime <= 0n) return undefined
  return schema.mtime < now ? schema.mtime : now
}
