import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { type Fields, lowerCaseKeys } from './fields.ts'
import { bytesOfJson } from './name-bytes.ts'
import type { BytesSchema, FileSchema, NodeFields, Part, SchemaBlob } from './schema-blob.ts'
import { parseTime } from './time.ts'

/** Thrown inside this file for a known key of a wrong type; outside, such a blob is no schema. */
class WrongType extends Error {}

/** Reads `file` and `bytes`; undefined for a key of a wrong type. */
export function readPartsSchema(
  type: 'file' | 'bytes',
  fields: Fields,
): FileSchema | BytesSchema | undefined {
  return orUndefined(() => {
    const parts = list(fields.get('parts') ?? []).map(readPart)
    return type === 'file' ? { type, ...readNodeFields(fields), parts } : { type, parts }
  })
}

/** Reads the other unsigned types; undefined for a key that is missing or of a wrong type. */
export function readNodeSchema(
  type: 'directory' | 'static-set' | 'symlink' | 'fifo' | 'socket',
  fields: Fields,
): SchemaBlob | undefined {
  return orUndefined(() => {
    switch (type) {
      case 'directory':
        return { type, ...readNodeFields(fields), entries: ref(fields.get('entries')) }
      case 'static-set':
        return { type, members: refs(fields.get('members')), mergeSets: refs(fields.get('mergesets')) }
      case 'symlink':
        return { type, ...readNodeFields(fields), target: bytes(fields, 'symlinktarget') ?? Buffer.alloc(0) }
      case 'fifo':
      case 'socket':
        return { type, ...readNodeFields(fields) }
    }
  })
}

function orUndefined<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof WrongType) return undefined
    throw error
  }
}

function readNodeFields(fields: Fields): NodeFields {
  return {
    name: bytes(fields, 'filename'),
    permission: octal(fields.get('unixpermission'), 0o777),
    specialMode: octal(fields.get('peerkeepmode'), 0o7000),
    ownerId: count(fields.get('unixownerid')),
    groupId: count(fields.get('unixgroupid')),
    owner: text(fields.get('unixowner')),
    group: text(fields.get('unixgroup')),
    mtime: time(fields.get('unixmtime')),
    ctime: time(fields.get('unixctime')),
    hardlink: optionalBytes(fields.get('peerkeephardlink')),
  }
}

function readPart(value: JsonValue): Part {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WrongType()
  const fields = lowerCaseKeys(value as JsonObject)
  const size = count(fields.get('size')) ?? 0
  const blobRef = optionalRef(fields.get('blobref'))
  const bytesRef = optionalRef(fields.get('bytesref'))
  if (blobRef !== undefined && bytesRef !== undefined) throw new WrongType()
  return { size, blobRef, bytesRef, offset: count(fields.get('offset')) }
}

function list(value: JsonValue): readonly JsonValue[] {
  if (!Array.isArray(value)) throw new WrongType()
  return value as readonly JsonValue[]
}

function refs(value: JsonValue | undefined): readonly BlobRef[] | undefined {
  return value === undefined || value === null ? undefined : list(value).map(ref)
}

function ref(value: JsonValue | undefined): BlobRef {
  if (!isBlobRef(value)) throw new WrongType()
  return value
}

function optionalRef(value: JsonValue | undefined): BlobRef | undefined {
  return value === undefined || value === null || value === '' ? undefined : ref(value)
}

function count(value: JsonValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw new WrongType()
  return Number(value)
}

function text(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new WrongType()
  return value
}

function octal(value: JsonValue | undefined, mask: number): number | undefined {
  const digits = text(value)
  if (digits === undefined || digits === '') return undefined
  if (!/^[0-7]{1,7}$/.test(digits)) throw new WrongType()
  return Number.parseInt(digits, 8) & mask
}

/** A time that cannot be read is unknown, as for Perkeep's readers. */
function time(value: JsonValue | undefined): bigint | undefined {
  const written = text(value)
  return written === undefined ? undefined : parseTime(written)
}

/** The text key when it is there, else the key of the mixed array. */
function bytes(fields: Fields, key: string): Uint8Array | undefined {
  return optionalBytes(fields.get(key)) ?? optionalBytes(fields.get(`${key}bytes`))
}

function optionalBytes(value: JsonValue | undefined): Uint8Array | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const read = bytesOfJson(value)
  if (!read) throw new WrongType()
  return read
}
