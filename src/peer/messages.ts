import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import { BLOB_SIZE_MAX } from '../blob/limits.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { FRAME_BODY_MAX } from './framed-stream.ts'
import { FETCH_REFS_MAX, PAGE_REFS_MAX } from './limits.ts'

/**
 * What two paired devices say to each other, one message a frame: a kind (1 byte), then JSON, or for a piece of a
 * blob its binary form. Both sides ask and answer on the same stream; `id` is chosen by who asks.
 */
export type Message =
  /** First on both sides. */
  | Hello
  /** Asks for refs of one of the two sets, in order, from behind `after`. */
  | { readonly kind: 'list'; readonly id: number; readonly set: SetName; readonly after?: BlobRef }
  /** Answers it: the next refs; the last page has `isLast`. */
  | {
      readonly kind: 'page'
      readonly id: number
      readonly refs: readonly BlobRef[]
      readonly isLast: boolean
    }
  /** Asks for blobs. */
  | { readonly kind: 'fetch'; readonly id: number; readonly refs: readonly BlobRef[] }
  /** Answers it: pieces of the blobs in the order asked for, each blob's pieces in order. */
  | BlobPiece
  /** Asks whether everything of a snapshot is there. */
  | { readonly kind: 'holds'; readonly id: number; readonly snapshot: BlobRef }
  | { readonly kind: 'held'; readonly id: number; readonly isHeld: boolean }
  /** Says that there is something new. */
  | { readonly kind: 'changed' }

export type SetName = 'claims' | 'schema'

export interface Hello {
  readonly kind: 'hello'
  readonly name: string
  /** Where this device listens, as multiaddrs. */
  readonly addresses: readonly string[]
  /** Random at each start: two nodes with one key find out by it. */
  readonly runId: string
  /** Milliseconds since 1970, by this device's clock. */
  readonly time: number
}

export interface BlobPiece {
  readonly kind: 'piece'
  readonly id: number
  /** Which of the refs asked for. */
  readonly index: number
  /** Bytes of the whole blob; undefined when it is not here. */
  readonly size: number | undefined
  readonly bytes: Uint8Array
}

const kinds = ['hello', 'list', 'page', 'fetch', 'piece', 'holds', 'held', 'changed'] as const
const PIECE_HEAD_BYTES = 13
const ABSENT = 0xffff_ffff

/** Bytes of a blob that one piece carries. */
export const PIECE_BYTES_MAX = FRAME_BODY_MAX - PIECE_HEAD_BYTES

export function encodeMessage(message: Message): Uint8Array {
  const kind = kinds.indexOf(message.kind)
  if (message.kind === 'piece') {
    const frame = new Uint8Array(PIECE_HEAD_BYTES + message.bytes.length)
    const view = new DataView(frame.buffer)
    view.setUint8(0, kind)
    view.setUint32(1, message.id)
    view.setUint32(5, message.index)
    view.setUint32(9, message.size ?? ABSENT)
    frame.set(message.bytes, PIECE_HEAD_BYTES)
    return frame
  }
  return Buffer.concat([Uint8Array.of(kind), Buffer.from(JSON.stringify(message))])
}

/** Reads a frame of a stranger. Throws `BAD_FRAME`. */
export function decodeMessage(frame: Uint8Array): Message {
  const kind = kinds[frame[0] ?? kinds.length]
  if (kind === undefined) throw badFrame('of an unknown kind')
  if (kind === 'piece') return decodePiece(frame)
  const fields = parseFields(frame.subarray(1))
  if (fields['kind'] !== kind || !readers[kind](fields)) throw badFrame(`that is no ${kind}`)
  return fields as unknown as Message
}

function decodePiece(frame: Uint8Array): BlobPiece {
  if (frame.length < PIECE_HEAD_BYTES) throw badFrame('cut short')
  const view = new DataView(frame.buffer, frame.byteOffset)
  const size = view.getUint32(9)
  if (size !== ABSENT && size > BLOB_SIZE_MAX) throw badFrame('of a blob over the limit')
  return {
    kind: 'piece',
    id: view.getUint32(1),
    index: view.getUint32(5),
    size: size === ABSENT ? undefined : size,
    bytes: frame.subarray(PIECE_HEAD_BYTES),
  }
}

function parseFields(bytes: Uint8Array): JsonObject {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as JsonObject
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw badFrame('without an object')
}

const isId = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < ABSENT
const isRefs = (value: unknown, max: number): boolean =>
  Array.isArray(value) && value.length <= max && value.every(isBlobRef)
const isSet = (value: unknown): boolean => value === 'claims' || value === 'schema'
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length <= 100 &&
  value.every(item => typeof item === 'string' && item.length < 500)

/** What a person may be shown: no control characters, and no longer than names are made. */
const isName = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= 200 && !/\p{Cc}/u.test(value)
const isRunId = (value: unknown): boolean =>
  typeof value === 'string' && /^[0-9a-f]{16,64}$/.test(value)

const readers: { readonly [Kind in (typeof kinds)[number]]: (fields: JsonObject) => boolean } = {
  hello: ({ name, addresses, runId, time }) =>
    isName(name) && isTexts(addresses) && isRunId(runId) && Number.isFinite(time),
  list: ({ id, set, after }) => isId(id) && isSet(set) && (after === undefined || isBlobRef(after)),
  page: ({ id, refs, isLast }) =>
    isId(id) && isRefs(refs, PAGE_REFS_MAX) && typeof isLast === 'boolean',
  fetch: ({ id, refs }) => isId(id) && isRefs(refs, FETCH_REFS_MAX),
  piece: () => true,
  holds: ({ id, snapshot }) => isId(id) && isBlobRef(snapshot),
  held: ({ id, isHeld }) => isId(id) && typeof isHeld === 'boolean',
  changed: () => true,
}

function badFrame(what: string): PeerkeepError {
  return new PeerkeepError('BAD_FRAME', `a message ${what}`)
}
