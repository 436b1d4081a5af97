import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { Node } from '../node/node.ts'
import { sizeOfParts } from '../schema/file-reader.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import type { DirectorySchema, FileSchema } from '../schema/schema-blob.ts'
import { formatTime } from '../schema/time.ts'
import { readMembers } from '../schema/tree-reader.ts'
import { DESCRIBED_MAX } from './limits.ts'

/** Which blobs are described beside those that were named: as Perkeep's describe does it. */
export interface DescribeRequest {
  readonly refs: readonly BlobRef[]
  /** 1 describes what is named; with more, what attributes refer to, and so on. */
  readonly depth: number
  readonly childrenMax: number
  readonly at: bigint | undefined
  readonly rules: readonly DescribeRule[]
}

export interface DescribeRule {
  readonly ifResultRoot: boolean
  readonly ifCamliNodeType: string
  /** Names of attributes; `camliPath:*` for all that begin so. */
  readonly attributes: readonly string[]
  /** For what this rule finds. */
  readonly rules: readonly DescribeRule[]
}

/** What is known of blobs, by ref; what is not here is left out. */
export type Described = Map<BlobRef, JsonObject>

interface ToDescribe {
  readonly ref: BlobRef
  readonly depth: number
  readonly isRoot: boolean
  readonly rules: readonly DescribeRule[]
}

/**
 * Perkeep's describe. Each blob is looked at once, whatever refers to it, and no more than `DESCRIBED_MAX` are.
 */
export async function describeBlobs(node: Node, request: DescribeRequest): Promise<Described> {
  const described: Described = new Map()
  const { rules } = request
  const waiting: ToDescribe[] = request.refs.map(ref => ({
    ref,
    depth: request.depth,
    isRoot: true,
    rules,
  }))
  // The list grows while it is walked.
  for (const next of waiting) {
    if (described.has(next.ref) || described.size >= DESCRIBED_MAX) continue
    const found = await describeOne(node, next.ref, request)
    if (!found) continue
    described.set(next.ref, found.shown)
    for (const ref of found.children) waiting.push({ ...next, ref, isRoot: false })
    if (next.depth > 1)
      for (const ref of refsIn(found.attributes))
        waiting.push({ ...next, ref, depth: next.depth - 1, isRoot: false })
    for (const { ref, rule } of ruledRefs(found.attributes, next))
      waiting.push({ ref, depth: 1, isRoot: false, rules: [...rules, ...rule.rules] })
  }
  return described
}

type Attributes = ReadonlyMap<string, readonly string[]>

interface Found {
  readonly shown: JsonObject
  readonly attributes: Attributes
  readonly children: readonly BlobRef[]
}

const noAttributes: Attributes = new Map()

async function describeOne(
  node: Node,
  ref: BlobRef,
  request: DescribeRequest,
): Promise<Found | undefined> {
  const [size] = await node.store.stat([ref])
  if (size === undefined) return undefined
  const type = (await node.index.meta(ref))?.type
  const head = { blobRef: ref, ...camliType(type), size }
  if (type === 'permanode') return describePermanode(node, { ref, head, at: request.at })
  const bytes = type === undefined ? undefined : await node.store.fetch(ref)
  const schema = bytes && parseSchema(bytes)
  if (schema?.type === 'file') {
    const file = await describeFile(node, ref, schema)
    return { shown: { ...head, file }, attributes: noAttributes, children: [] }
  }
  if (schema?.type === 'directory') {
    const { children, count } = await childrenOf(node, schema, request.childrenMax)
    const dir = { fileName: nameOf(schema), size: count, wholeRef: null }
    const shown = { ...head, dir, ...(count > 0 ? { dirChildren: children } : {}) }
    return { shown, attributes: noAttributes, children }
  }
  return { shown: head, attributes: noAttributes, children: [] }
}

/** Keys are no schema to Perkeep. */
function camliType(type: string | undefined): JsonObject {
  return type === undefined || type === 'key' ? {} : { camliType: type }
}

async function describePermanode(
  node: Node,
  {
    ref,
    head,
    at,
  }: { readonly ref: BlobRef; readonly head: JsonObject; readonly at: bigint | undefined },
): Promise<Found> {
  const state = await node.index.permanode(ref, at)
  const attributes = state?.attributes ?? noAttributes
  const attr = Object.fromEntries([...attributes].sort(([a], [b]) => (a < b ? -1 : 1)))
  let hasClaims = false
  for await (const { body, date, isDeleted } of node.index.claims(ref)) {
    if (isDeleted || !('attribute' in body) || (at !== undefined && date > at)) continue
    hasClaims = true
    break
  }
  const modtime = state && hasClaims ? formatTime(state.modified) : '0001-01-01T00:00:00Z'
  return { shown: { ...head, permanode: { attr, modtime } }, attributes, children: [] }
}

async function describeFile(node: Node, ref: BlobRef, schema: FileSchema): Promise<JsonObject> {
  const facts = await node.index.facts(ref)
  return {
    fileName: nameOf(schema),
    size: sizeOfParts(schema.parts),
    ...(facts?.mediaType === undefined ? {} : { mimeType: facts.mediaType }),
    ...(schema.mtime === undefined ? {} : { time: formatTime(schema.mtime) }),
    wholeRef: facts?.wholeRef ?? null,
  }
}

async function childrenOf(
  node: Node,
  { entries }: DirectorySchema,
  max: number,
): Promise<{ readonly children: readonly BlobRef[]; readonly count: number }> {
  const children: BlobRef[] = []
  let count = 0
  for await (const child of readMembers(ref => node.store.fetch(ref), entries)) {
    if (count < max) children.push(child)
    count += 1
  }
  return { children, count }
}

function nameOf({ name }: { readonly name?: Uint8Array | undefined }): string {
  return Buffer.from(name ?? []).toString('utf8')
}

const REF_PATTERN = /\b(?:sha1|sha224|sha256)-[0-9a-f]{40,64}\b/g

function refsIn(attributes: Attributes): BlobRef[] {
  const texts = [...attributes].flatMap(([name, values]) => [name, ...values])
  return texts.flatMap(text => text.match(REF_PATTERN) ?? []).filter(isBlobRef)
}

function ruledRefs(
  attributes: Attributes,
  { isRoot, rules }: ToDescribe,
): { readonly ref: BlobRef; readonly rule: DescribeRule }[] {
  const nodeType = attributes.get('camliNodeType')?.[0] ?? ''
  return rules
    .filter(rule => isRoot || !rule.ifResultRoot)
    .filter(({ ifCamliNodeType }) => ifCamliNodeType === '' || ifCamliNodeType === nodeType)
    .flatMap(rule =>
      [...attributes]
        .filter(([name]) => rule.attributes.some(pattern => isNamed(name, pattern)))
        .flatMap(([, values]) => values.filter(isBlobRef).map(ref => ({ ref, rule }))),
    )
}

function isNamed(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** As an answer has it: by ref, in order. */
export function metaOf(described: Described): JsonValue {
  return Object.fromEntries([...described].sort(([a], [b]) => (a < b ? -1 : 1)))
}
