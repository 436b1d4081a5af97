import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'
import { type BlobRef, parseBlobRef } from '../../blob/ref.ts'
import { displayName } from '../../files/display-name.ts'
import type { IndexedClaim } from '../../index/queries.ts'
import { openItems } from '../../index/search-items.ts'
import { sizeOfParts } from '../../schema/file-reader.ts'
import { parseSchema } from '../../schema/parse-schema.ts'
import type { ClaimBody, FileFacts, NodeFields, SchemaBlob } from '../../schema/schema-blob.ts'
import type { KeyId } from '../../schema/signer.ts'
import { endOfDate, formatTime, parseTime } from '../../schema/time.ts'
import { readMembers } from '../../schema/tree-reader.ts'
import { optionalText, textArgument } from '../arguments.ts'
import { deviceName } from '../device-name.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'

/** Says what a ref names: `{ ref, at? }`. */
export const describeOperation: Operation<Node> = {
  name: 'describe',
  async run(node, args) {
    const ref = parseBlobRef(textArgument(args, 'ref'))
    const at = atOf(optionalText(args, 'at'))
    const [size] = await node.store.stat([ref])
    if (size === undefined) throw new PeerkeepError('NOT_FOUND', `the blob ${ref} is not here`)
    const type = (await node.index.meta(ref))?.type
    if (type === undefined) return { ref, type: 'data', size }
    if (type === 'permanode') return { ref, type, ...(await describePermanode(node, ref, at)) }
    const bytes = await node.store.fetch(ref)
    const schema = bytes && parseSchema(bytes)
    return { ref, type, size, ...(schema ? await describeSchema(node, ref, schema) : {}) }
  },
}

/** The last nanosecond that a date or its beginning names. */
function atOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined
  const exact = parseTime(text)
  const end = endOfDate(text)
  if (exact !== undefined) return exact
  if (end !== undefined) return BigInt(end) * 1_000_000n - 1n
  throw new PeerkeepError(
    'BAD_USAGE',
    `${text} is no date; one looks like 2026-03-04 or 2026-03-04T12:00:00Z`,
  )
}

async function describePermanode(
  node: Node,
  ref: BlobRef,
  at: bigint | undefined,
): Promise<JsonObject> {
  const state = await node.index.permanode(ref, at)
  if (!state) return {}
  const claims: JsonValue[] = []
  for await (const claim of node.index.claims(ref)) {
    if (at === undefined || claim.date <= at) claims.push(describeClaim(node, claim))
  }
  return {
    signer: signerName(node, state.signer),
    own: state.isOwn,
    key: state.key ?? null,
    deleted: state.isDeleted,
    modified: formatTime(state.modified),
    place: await placeOf(node, ref, at),
    attributes: Object.fromEntries(
      [...state.attributes].map(([name, values]) => [name, [...values]]),
    ),
    claims,
  }
}

/** The city that a permanode is in or near; null for one without a position, and far from all. */
async function placeOf(node: Node, ref: BlobRef, at: bigint | undefined): Promise<string | null> {
  const items = openItems({ index: node.index, fetch: async blob => node.store.fetch(blob) })
  const position = await items.position(ref, at)
  return (position && (await node.places.nearest(position))) ?? null
}

function describeClaim(node: Node, claim: IndexedClaim): JsonObject {
  return {
    ref: claim.ref,
    date: formatTime(claim.date),
    signer: signerName(node, claim.signer),
    ...bodyFields(claim.body),
    deleted: claim.isDeleted,
  }
}

function bodyFields(body: ClaimBody): JsonObject {
  switch (body.claimType) {
    case 'set-attribute':
    case 'add-attribute':
    case 'del-attribute':
      return { claimType: body.claimType, attribute: body.attribute, value: body.value ?? null }
    case 'delete':
      return { claimType: body.claimType, target: body.target }
    case 'share':
      return { claimType: body.claimType, target: body.target ?? null, transitive: body.transitive }
    case 'unknown':
      return { claimType: body.name }
  }
}

function signerName({ index }: Node, key: KeyId): string {
  return key === index.trust.owner ? 'owner' : deviceName(index, key)
}

async function describeSchema(node: Node, ref: BlobRef, schema: SchemaBlob): Promise<JsonObject> {
  switch (schema.type) {
    case 'file': {
      const facts = await node.index.facts(ref)
      return {
        ...nodeFields(schema),
        bytes: sizeOfParts(schema.parts),
        facts: facts ? factsFields(facts) : null,
      }
    }
    case 'directory':
      return { ...nodeFields(schema), entries: await countMembers(node, schema.entries) }
    case 'symlink':
      return { ...nodeFields(schema), target: displayName(schema.target) }
    case 'fifo':
    case 'socket':
      return nodeFields(schema)
    case 'bytes':
      return { bytes: sizeOfParts(schema.parts), parts: schema.parts.length }
    case 'static-set':
      return { members: await countMembers(node, ref) }
    case 'claim':
      return {
        permanode: 'permanode' in schema.claim ? schema.claim.permanode : null,
        ...bodyFields(schema.claim),
        date: formatTime(schema.date),
      }
    case 'facts':
      return { facts: schema.facts.length, date: formatTime(schema.date) }
    case 'permanode':
    case 'unknown':
      return {}
  }
}

function factsFields(facts: FileFacts): JsonObject {
  const { file: _, ...fields } = facts
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as JsonObject
}

async function countMembers(node: Node, set: BlobRef): Promise<number> {
  let count = 0
  for await (const _ of readMembers(ref => node.store.fetch(ref), set)) count += 1
  return count
}

function nodeFields({
  name,
  permission,
  specialMode,
  owner,
  group,
  ownerId,
  groupId,
  mtime,
}: NodeFields): JsonObject {
  return {
    name: name === undefined ? null : displayName(name),
    mode:
      permission === undefined
        ? null
        : ((specialMode ?? 0) | permission).toString(8).padStart(4, '0'),
    owner: owner ?? ownerId ?? null,
    group: group ?? groupId ?? null,
    modified: mtime === undefined ? null : formatTime(mtime),
  }
}
