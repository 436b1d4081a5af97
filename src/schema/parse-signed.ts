import type { JsonObject, JsonValue } from '../base/json.ts'
import { isBlobRef } from '../blob/ref.ts'
import type { Fields } from './fields.ts'
import type {
  ClaimBody,
  ClaimSchema,
  FactsSchema,
  FileFacts,
  PermanodeSchema,
  ShareClaim,
  SignedFields,
} from './schema-blob.ts'
import { parseTime } from './time.ts'

/** Reads the signed types, keys exactly as written; undefined when a key is missing or of a wrong type. */
export function readSignedSchema(
  type: 'permanode' | 'claim' | 'peerkeep-facts',
  fields: Fields,
): PermanodeSchema | ClaimSchema | FactsSchema | undefined {
  const signed = readSignedFields(fields)
  if (!signed) return undefined
  if (type === 'permanode') {
    const [key, random] = [text(fields, 'key'), text(fields, 'random')]
    return { type, ...signed, key, random }
  }
  if (type === 'claim') {
    const claim = readClaimBody(fields)
    return claim && { type, ...signed, claim }
  }
  const facts = readFacts(fields.get('facts'))
  return facts && { type: 'facts', ...signed, facts }
}

/** A claim without a date, or dated at Unix time 0, is none (PROTOCOL 3); permanodes may be. */
function readSignedFields(fields: Fields): SignedFields | undefined {
  const signer = fields.get('camliSigner')
  const date = parseTime(text(fields, 'claimDate') ?? '')
  if (!isBlobRef(signer) || date === undefined) return undefined
  if (date === 0n && fields.get('camliType') === 'claim') return undefined
  return { signer, date }
}

function readClaimBody(fields: Fields): ClaimBody | undefined {
  const claimType = text(fields, 'claimType')
  switch (claimType) {
    case undefined:
      return undefined
    case 'set-attribute':
    case 'add-attribute':
    case 'del-attribute': {
      const [permanode, attribute] = [fields.get('permaNode'), text(fields, 'attribute')]
      const value = text(fields, 'value')
      if (!isBlobRef(permanode) || attribute === undefined || attribute === '') return undefined
      if (value === undefined && fields.get('value') !== undefined) return undefined
      if (claimType === 'del-attribute') {
        return { claimType, permanode, attribute, value: value === '' ? undefined : value }
      }
      return { claimType, permanode, attribute, value: value ?? '' }
    }
    case 'delete': {
      const target = fields.get('target')
      return isBlobRef(target) ? { claimType, target } : undefined
    }
    case 'share':
      return readShare(fields)
    default:
      return { claimType: 'unknown', name: claimType }
  }
}

function readShare(fields: Fields): ShareClaim | undefined {
  const [target, search, expires] = ['target', 'search', 'expires'].map(key => fields.get(key) ?? undefined)
  const expiry = typeof expires === 'string' ? parseTime(expires) : undefined
  if (target !== undefined && !isBlobRef(target)) return undefined
  if (search !== undefined && !isObject(search)) return undefined
  if (expires !== undefined && expiry === undefined) return undefined
  return {
    claimType: 'share',
    authType: text(fields, 'authType') ?? '',
    transitive: fields.get('transitive') === true,
    target,
    search,
    expires: expiry,
  }
}

function readFacts(value: JsonValue | undefined): FileFacts[] | undefined {
  if (!Array.isArray(value)) return undefined
  const facts = (value as readonly JsonValue[]).map(readFact)
  return facts.every(fact => fact !== undefined) ? facts : undefined
}

function readFact(value: JsonValue): FileFacts | undefined {
  if (!isObject(value)) return undefined
  const fields = new Map(Object.entries(value))
  const [file, wholeRef, size] = ['file', 'wholeRef', 'size'].map(key => fields.get(key))
  if (!isBlobRef(file) || !isBlobRef(wholeRef) || !isCount(size)) return undefined
  return {
    file,
    wholeRef,
    size,
    mediaType: text(fields, 'mediaType'),
    width: number(fields, 'width'),
    height: number(fields, 'height'),
    taken: text(fields, 'taken'),
    camera: text(fields, 'camera'),
    latitude: number(fields, 'latitude'),
    longitude: number(fields, 'longitude'),
  }
}

function text(fields: Fields, key: string): string | undefined {
  const value = fields.get(key)
  return typeof value === 'string' ? value : undefined
}

function number(fields: Fields, key: string): number | undefined {
  const value = fields.get(key)
  return typeof value === 'number' ? value : undefined
}

function isCount(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
