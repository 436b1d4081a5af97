import type { JsonObject, JsonValue } from '../base/json.ts'
import { type Fields, foldKey } from './fields.ts'
import {
  neededObject,
  neededRef,
  optionalCount,
  optionalList,
  optionalRef,
  optionalText,
  orUndefined,
  WrongType,
} from './json-values.ts'
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

/** The keys of signed types by the form in which Perkeep's reader compares them. */
const spellings: ReadonlyMap<string, string> = new Map(
  (
    'camliVersion camliType camliSigner camliSig claimDate claimType claims permaNode attribute value ' +
    'target key random authType transitive search expires facts'
  )
    .split(' ')
    .map(key => [foldKey(key), key]),
)

/**
 * Reads the signed types; undefined when a key is missing or of a wrong type, or is not spelled exactly: Perkeep
 * would read it all the same, and one signature would mean two things.
 */
export function readSignedSchema(
  type: 'permanode' | 'claim' | 'peerkeep-facts',
  object: JsonObject,
): PermanodeSchema | ClaimSchema | FactsSchema | undefined {
  const fields = new Map(Object.entries(object))
  for (const key of fields.keys()) {
    if ((spellings.get(foldKey(key)) ?? key) !== key) return undefined
  }
  return orUndefined(() => {
    const signed = readSignedFields(fields)
    switch (type) {
      case 'permanode':
        return { type, ...signed, key: text(fields, 'key'), random: text(fields, 'random') }
      case 'claim':
        return { type, ...signed, claim: readClaimBody(fields) }
      case 'peerkeep-facts':
        return { type: 'facts', ...signed, facts: readFacts(fields.get('facts')) }
    }
  })
}

/** A claim without a date, or dated at Unix time 0, is none; permanodes may be. */
function readSignedFields(fields: Fields): SignedFields {
  const date = parseTime(text(fields, 'claimDate') ?? '')
  if (date === undefined) throw new WrongType()
  if (date === 0n && fields.get('camliType') === 'claim') throw new WrongType()
  return { signer: neededRef(fields.get('camliSigner')), date }
}

function readClaimBody(fields: Fields): ClaimBody {
  const claimType = text(fields, 'claimType')
  switch (claimType) {
    case undefined:
      throw new WrongType()
    case 'set-attribute':
    case 'add-attribute':
    case 'del-attribute': {
      const permanode = neededRef(fields.get('permaNode'))
      const [attribute, value] = [text(fields, 'attribute') ?? '', text(fields, 'value') ?? '']
      if (attribute === '') throw new WrongType()
      const isAll = claimType === 'del-attribute' && value === ''
      return { claimType, permanode, attribute, value: isAll ? undefined : value }
    }
    case 'delete':
      return { claimType, target: neededRef(fields.get('target')) }
    case 'share':
      return readShare(fields)
    default:
      return { claimType: 'unknown', name: claimType }
  }
}

/** A share whose end cannot be read is none: it must not be open for ever. */
function readShare(fields: Fields): ShareClaim {
  const expires = text(fields, 'expires')
  const expiry = expires === undefined ? undefined : parseTime(expires)
  if (expires !== undefined && expiry === undefined) throw new WrongType()
  const transitive = fields.get('transitive') ?? false
  if (typeof transitive !== 'boolean') throw new WrongType()
  const search = fields.get('search') ?? undefined
  return {
    claimType: 'share',
    authType: text(fields, 'authType') ?? '',
    transitive,
    target: optionalRef(fields.get('target')),
    search: search === undefined ? undefined : wellFormed(neededObject(search)),
    expires: expiry,
  }
}

/** An object with all its texts as {@link optionalText} reads them. */
function wellFormed(object: JsonObject): JsonObject {
  const wellFormedValue = (value: JsonValue): JsonValue => {
    if (typeof value === 'string') return value.toWellFormed()
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return (value as readonly JsonValue[]).map(wellFormedValue)
    return wellFormed(value as JsonObject)
  }
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key.toWellFormed(), wellFormedValue(value)]),
  )
}

function readFacts(value: JsonValue | undefined): FileFacts[] {
  const facts = optionalList(value)
  if (!facts) throw new WrongType()
  return facts.map(readFact)
}

function readFact(value: JsonValue): FileFacts {
  const fields = new Map(Object.entries(neededObject(value)))
  const size = optionalCount(fields.get('size'))
  if (size === undefined) throw new WrongType()
  return {
    file: neededRef(fields.get('file')),
    wholeRef: neededRef(fields.get('wholeRef')),
    size,
    mediaType: text(fields, 'mediaType'),
    width: number(fields, 'width'),
    height: number(fields, 'height'),
    taken: text(fields, 'taken'),
    camera: text(fields, 'camera'),
    latitude: number(fields, 'latitude'),
    longitude: number(fields, 'longitude'),
    duration: number(fields, 'duration'),
    mediaTags: readTags(fields.get('mediaTags')),
    rating: number(fields, 'rating'),
    label: text(fields, 'label'),
    keywords: optionalList(fields.get('keywords'))?.map(word => optionalText(word) ?? ''),
    text: text(fields, 'text'),
  }
}

function readTags(value: JsonValue | undefined): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined
  const tags = Object.entries(neededObject(value))
  return Object.fromEntries(
    tags.map(([name, tag]) => [name.toWellFormed(), optionalText(tag) ?? '']),
  )
}

function text(fields: Fields, key: string): string | undefined {
  return optionalText(fields.get(key))
}

function number(fields: Fields, key: string): number | undefined {
  const value = fields.get(key)
  if (value === undefined || value === null) return undefined
  if (!Number.isFinite(value)) throw new WrongType()
  return Number(value)
}
