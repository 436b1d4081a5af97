import type { JsonObject, JsonValue } from '../base/json.ts'
import { writeCanonicalSchema } from './canonical-json.ts'
import { mixedArray, textOfBytes } from './name-bytes.ts'
import type {
  ClaimBody,
  ClaimSchema,
  FactsSchema,
  NodeFields,
  Part,
  PermanodeSchema,
  SchemaBlob,
  SignedFields,
} from './schema-blob.ts'
import { formatTime, isWritableTime } from './time.ts'

/** Schema that can be written: all but the types this version does not know. */
export type WritableSchema = Exclude<SchemaBlob, { readonly type: 'unknown' }>

/** The canonical bytes of a schema blob. Signed types come out unsigned. */
export function writeSchema(blob: WritableSchema): Uint8Array {
  return Buffer.from(writeCanonicalSchema(withoutUndefined(fieldsOf(blob))))
}

type LooseObject = { readonly [key: string]: JsonValue | undefined }

function withoutUndefined(fields: LooseObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as JsonObject
}

function fieldsOf(blob: WritableSchema): LooseObject {
  switch (blob.type) {
    case 'file':
      return { camliType: 'file', ...nodeFields(blob), parts: blob.parts.map(partFields) }
    case 'bytes':
      return { camliType: 'bytes', parts: blob.parts.map(partFields) }
    case 'directory':
      return { camliType: 'directory', ...nodeFields(blob), entries: blob.entries }
    case 'static-set':
      return { camliType: 'static-set', members: blob.members, mergeSets: blob.mergeSets }
    case 'symlink':
      return {
        camliType: 'symlink',
        ...nodeFields(blob),
        ...bytesField('symlinkTarget', blob.target),
      }
    case 'fifo':
    case 'socket':
      return { camliType: blob.type, ...nodeFields(blob) }
    case 'permanode':
      return permanodeFields(blob)
    case 'claim':
      return claimFields(blob)
    case 'facts':
      return factsFields(blob)
  }
}

function nodeFields(node: NodeFields): LooseObject {
  return {
    ...bytesField('fileName', node.name),
    unixPermission: octal(node.permission),
    peerkeepMode: octal(node.specialMode),
    unixOwnerId: node.ownerId,
    unixGroupId: node.groupId,
    unixOwner: node.owner,
    unixGroup: node.group,
    unixMtime: optionalTime(node.mtime),
    unixCtime: optionalTime(node.ctime),
    peerkeepHardlink: node.hardlink && (textOfBytes(node.hardlink) ?? mixedArray(node.hardlink)),
  }
}

function octal(mode: number | undefined): string | undefined {
  return mode === undefined ? undefined : `0${mode.toString(8)}`
}

/** A time that has no text is left out, like one that is not known. */
function optionalTime(time: bigint | undefined): string | undefined {
  return time === undefined || !isWritableTime(time) ? undefined : formatTime(time)
}

function bytesField(key: string, bytes: Uint8Array | undefined): LooseObject {
  if (bytes === undefined) return {}
  const text = textOfBytes(bytes)
  return text === undefined ? { [`${key}Bytes`]: mixedArray(bytes) } : { [key]: text }
}

function partFields(part: Part): JsonObject {
  const offset = part.offset === 0 ? undefined : part.offset
  return withoutUndefined({
    blobRef: part.blobRef,
    bytesRef: part.bytesRef,
    offset,
    size: part.size,
  })
}

function signedFields(blob: SignedFields): LooseObject {
  return { camliSigner: blob.signer, claimDate: formatTime(blob.date) }
}

function permanodeFields(blob: PermanodeSchema): LooseObject {
  return { camliType: 'permanode', ...signedFields(blob), key: blob.key, random: blob.random }
}

function claimFields(blob: ClaimSchema): LooseObject {
  return { camliType: 'claim', ...signedFields(blob), ...claimBodyFields(blob.claim) }
}

function claimBodyFields(claim: ClaimBody): LooseObject {
  switch (claim.claimType) {
    case 'set-attribute':
    case 'add-attribute':
    case 'del-attribute': {
      const { claimType, permanode, attribute, value } = claim
      // An empty value is one for set and add; for del it means all values, and is left out.
      const written = claimType === 'del-attribute' && value === '' ? undefined : value
      return { claimType, permaNode: permanode, attribute, value: written }
    }
    case 'delete':
      return { claimType: 'delete', target: claim.target }
    case 'share': {
      const { claimType, authType, transitive, target, search } = claim
      return {
        claimType,
        authType,
        transitive,
        target,
        search,
        expires: claim.expires === undefined ? undefined : formatTime(claim.expires),
      }
    }
    case 'unknown':
      return { claimType: claim.name }
  }
}

function factsFields(blob: FactsSchema): LooseObject {
  const facts = blob.facts.map(fact => withoutUndefined({ ...fact }))
  return { camliType: 'peerkeep-facts', ...signedFields(blob), facts }
}
