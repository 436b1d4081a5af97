import type { JsonValue } from '../base/json.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type Fields, foldedKeys } from './fields.ts'
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
import { bytesOfJson } from './name-bytes.ts'
import type { BytesSchema, FileSchema, NodeFields, Part, SchemaBlob } from './schema-blob.ts'
import { parseTime } from './time.ts'

/** Reads `file` and `bytes`; undefined for a key of a wrong type. */
export function readPartsSchema(
  type: 'file' | 'bytes',
  fields: Fields,
): FileSchema | BytesSchema | undefined {
  return orUndefined(() => {
    const parts = readParts(fields)
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
        return { type, ...readNodeFields(fields), entries: neededRef(fields.get('entries')) }
      case 'static-set':
        return {
          type,
          members: refs(fields.get('members')),
          mergeSets: refs(fields.get('mergesets')),
        }
      case 'symlink':
        return {
          type,
          ...readNodeFields(fields),
          target: bytes(fields, 'symlinktarget') ?? Buffer.alloc(0),
        }
      case 'fifo':
      case 'socket':
        return { type, ...readNodeFields(fields) }
    }
  })
}

function readNodeFields(fields: Fields): NodeFields {
  return {
    name: bytes(fields, 'filename'),
    permission: octal(fields.get('unixpermission'), 0o777),
    specialMode: octal(fields.get('peerkeepmode'), 0o7000),
    ownerId: owner(fields.get('unixownerid')),
    groupId: owner(fields.get('unixgroupid')),
    owner: optionalText(fields.get('unixowner')),
    group: optionalText(fields.get('unixgroup')),
    mtime: time(fields.get('unixmtime')),
    ctime: time(fields.get('unixctime')),
    hardlink: optionalBytes(fields.get('peerkeephardlink')),
  }
}

/** Parts whose sizes add up to no safe integer make it no schema: nobody has such a file. */
function readParts(fields: Fields): Part[] {
  const parts = (optionalList(fields.get('parts')) ?? []).map(readPart)
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (!Number.isSafeInteger(size)) throw new WrongType()
  return parts
}

function readPart(value: JsonValue): Part {
  const fields = foldedKeys(neededObject(value))
  const size = optionalCount(fields.get('size')) ?? 0
  const blobRef = optionalRef(fields.get('blobref'))
  const bytesRef = optionalRef(fields.get('bytesref'))
  if (blobRef !== undefined && bytesRef !== undefined) throw new WrongType()
  return { size, blobRef, bytesRef, offset: optionalCount(fields.get('offset')) }
}

function refs(value: JsonValue | undefined): BlobRef[] | undefined {
  return optionalList(value)?.map(neededRef)
}

/** Numbers of owners that no system has are unknown: they are no reason to lose the content. */
function owner(value: JsonValue | undefined): number | undefined {
  if (Number.isInteger(value) && Number(value) < 0) return undefined
  return optionalCount(value)
}

/** Like a time, a mode that cannot be read is unknown. */
function octal(value: JsonValue | undefined, mask: number): number | undefined {
  const digits = optionalText(value) ?? ''
  return /^[0-7]{1,7}$/.test(digits) ? Number.parseInt(digits, 8) & mask : undefined
}

/** A time that cannot be read is unknown, as for Perkeep's readers. */
function time(value: JsonValue | undefined): bigint | undefined {
  const written = optionalText(value)
  return written === undefined ? undefined : parseTime(written)
}

/** The text key when it says something, else the key of the mixed array. */
function bytes(fields: Fields, key: string): Uint8Array | undefined {
  const text = optionalText(fields.get(key)) ?? ''
  const mixed = optionalList(fields.get(`${key}bytes`))
  if (text !== '') return Buffer.from(text)
  return mixed && optionalBytes(mixed)
}

function optionalBytes(value: JsonValue | undefined): Uint8Array | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const read = bytesOfJson(value)
  if (!read) throw new WrongType()
  return read
}
