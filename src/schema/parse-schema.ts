import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { foldedKeys } from './fields.ts'
import { scanJson } from './json-guard.ts'
import { SCHEMA_SIZE_MAX } from './limits.ts'
import { readNodeSchema, readPartsSchema } from './parse-nodes.ts'
import { readSignedSchema } from './parse-signed.ts'
import type { SchemaBlob } from './schema-blob.ts'

/**
 * What a blob says, if it is schema, in any layout; undefined when it is not: too big, no
 * JSON object, nested too deep, no camliVersion 1, or a known key of a wrong type. Never throws.
 *
 * Unsigned types take keys in any case, as Go does. In signed types keys that appear twice, or that Go would
 * take for known ones, make it no schema: two readers could take two meanings from one signature.
 */
export function parseSchema(bytes: Uint8Array): SchemaBlob | undefined {
  const parsed = parseJsonObject(bytes)
  if (!parsed) return undefined
  const fields = foldedKeys(parsed.value)
  if (fields.get('camliversion') !== 1) return undefined
  const type = fields.get('camlitype')
  if (typeof type !== 'string') return undefined
  switch (type) {
    case 'file':
    case 'bytes':
      return readPartsSchema(type, fields)
    case 'directory':
    case 'static-set':
    case 'symlink':
    case 'fifo':
    case 'socket':
      return readNodeSchema(type, fields)
    case 'permanode':
    case 'claim':
    case 'peerkeep-facts':
      return parsed.hasTwinKeys ? undefined : readSignedSchema(type, parsed.value)
    default:
      return { type: 'unknown', camliType: type }
  }
}

interface ParsedObject {
  readonly value: JsonObject
  readonly hasTwinKeys: boolean
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const VERSION_KEY = Buffer.from('camliVersion')

function parseJsonObject(bytes: Uint8Array): ParsedObject | undefined {
  if (bytes[0] !== 0x7b || bytes.length > SCHEMA_SIZE_MAX) return undefined
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(VERSION_KEY))
    return undefined
  const text = decoder.decode(bytes)
  const { isShallow, hasTwinKeys } = scanJson(text)
  if (!isShallow) return undefined
  try {
    return { value: JSON.parse(text) as JsonObject, hasTwinKeys }
  } catch {
    return undefined
  }
}

/**
 * Every ref that a schema blob's text holds, wherever it stands, sorted and once each: edges for
 * whoever must not lose what something may need. Empty for what is no schema.
 */
export function refsIn(bytes: Uint8Array): BlobRef[] {
  const parsed = parseJsonObject(bytes)
  const found = new Set<BlobRef>()
  if (parsed) collectRefs(parsed.value, found)
  return [...found].sort()
}

function collectRefs(value: JsonValue, found: Set<BlobRef>): void {
  if (typeof value === 'string') {
    if (isBlobRef(value)) found.add(value)
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) collectRefs(item as JsonValue, found)
  }
}

/** The refs that a schema blob cannot do without: what is missing when they are not here. Once each. */
export function neededRefs(blob: SchemaBlob): BlobRef[] {
  return [...new Set(needs(blob))]
}

function needs(blob: SchemaBlob): BlobRef[] {
  const refs: (BlobRef | undefined)[] = []
  switch (blob.type) {
    case 'file':
    case 'bytes':
      refs.push(...blob.parts.map(part => part.blobRef ?? part.bytesRef))
      break
    case 'directory':
      refs.push(blob.entries)
      break
    case 'static-set':
      refs.push(...(blob.members ?? []), ...(blob.mergeSets ?? []))
      break
    case 'permanode':
    case 'facts':
      refs.push(blob.signer)
      break
    case 'claim':
      refs.push(blob.signer, ...claimNeeds(blob.claim))
      break
    case 'symlink':
    case 'fifo':
    case 'socket':
    case 'unknown':
      break
  }
  return refs.filter(ref => ref !== undefined)
}

function claimNeeds(
  claim: Extract<SchemaBlob, { type: 'claim' }>['claim'],
): (BlobRef | undefined)[] {
  switch (claim.claimType) {
    case 'set-attribute':
    case 'add-attribute':
    case 'del-attribute':
      return [claim.permanode, isBlobRef(claim.value) ? claim.value : undefined]
    case 'delete':
    case 'share':
      return [claim.target]
    case 'unknown':
      return []
  }
}
