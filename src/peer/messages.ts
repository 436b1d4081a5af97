import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import type { KeyId } from '../schema/signer.ts'
import { FOUND_ADDRESSES_MAX, PUSH_BYTES_MAX } from './limits.ts'
import { decodeReconcileMessage } from './read-reconcile.ts'
import type { ReconcileMessage } from './reconcile-messages.ts'
import { encodeReconcileMessage } from './write-reconcile.ts'

/**
 * What two paired devices say to each other on the line that they keep open, one message a frame: a kind (1 byte),
 * then JSON, or bytes where these are most of it. Blobs have lines of their own, so that none delays what is said here.
 */
export type Message =
  /** First on both sides. */
  | Hello
  /** Part of a reconciliation of one of the sets; `turn` counts those of a line. */
  | {
      readonly kind: 'compare'
      readonly set: SetName
      readonly turn: number
      readonly message: ReconcileMessage
    }
  /** Says that this side has tried to get what it lacked, and whether its set (or its data) has changed. */
  | { readonly kind: 'changed'; readonly set: SetName | 'data'; readonly isNew: boolean }
  /** A claim that was just signed. */
  | { readonly kind: 'push'; readonly bytes: Uint8Array }
  /** Says that the line is alive, and the time of this side in milliseconds since 1970. */
  | { readonly kind: 'ping'; readonly time: number }
  /** Where another device of the owner was last, as that one has told itself. */
  | Whereabouts
  /** Says that another node with the same key is connected, too. */
  | { readonly kind: 'rival'; readonly runId: string }
  /** Asks for the group secret of this check, which the owner's claims name. */
  | { readonly kind: 'askSecret'; readonly check: string }
  /** Answers it, where this side has it. */
  | { readonly kind: 'secret'; readonly secret: Uint8Array }

export type SetName = 'claims' | 'schema'

export const setNames: readonly SetName[] = ['claims', 'schema']

export interface Hello {
  readonly kind: 'hello'
  readonly name: string
  /** Where this device listens, as multiaddrs. */
  readonly addresses: readonly string[]
  /** Random at each start: two nodes with one key find out by it. */
  readonly runId: string
  /** Milliseconds since 1970, by this device's clock. */
  readonly time: number
  /** Tells group secrets apart, without telling them. */
  readonly keyCheck: string
}

export interface Whereabouts {
  readonly kind: 'whereabouts'
  readonly device: KeyId
  /** Multiaddrs, a few. */
  readonly addresses: readonly string[]
}

const kinds = [
  'hello',
  'compare',
  'changed',
  'push',
  'ping',
  'rival',
  'askSecret',
  'secret',
  'whereabouts',
] as const
const changedSets = ['claims', 'schema', 'data'] as const
const SECRET_BYTES = 32
const COMPARE_HEAD_BYTES = 6
const PING_BYTES = 9

export function encodeMessage(message: Message): Uint8Array {
  const kind = kinds.indexOf(message.kind)
  switch (message.kind) {
    case 'compare': {
      const head = Buffer.alloc(COMPARE_HEAD_BYTES)
      head[0] = kind
      head[1] = setNames.indexOf(message.set)
      head.writeUInt32BE(message.turn, 2)
      return Buffer.concat([head, encodeReconcileMessage(message.message)])
    }
    case 'changed':
      return Uint8Array.of(kind, changedSets.indexOf(message.set), message.isNew ? 1 : 0)
    case 'push':
      return Buffer.concat([Uint8Array.of(kind), message.bytes])
    case 'secret':
      return Buffer.concat([Uint8Array.of(kind), message.secret])
    case 'ping': {
      const frame = Buffer.alloc(PING_BYTES)
      frame[0] = kind
      frame.writeDoubleBE(message.time, 1)
      return frame
    }
    case 'hello':
    case 'rival':
    case 'askSecret':
    case 'whereabouts':
      return Buffer.concat([Uint8Array.of(kind), Buffer.from(JSON.stringify(message))])
  }
}

/** Reads a frame of the other side, of which nothing is kept. Throws `BAD_FRAME`. */
export function decodeMessage(frame: Uint8Array): Message {
  const kind = kinds[frame[0] ?? kinds.length]
  if (kind === undefined) throw badFrame('of an unknown kind')
  switch (kind) {
    case 'compare':
      return decodeCompare(frame)
    case 'changed':
      return decodeChanged(frame)
    case 'push':
      if (frame.length - 1 > PUSH_BYTES_MAX) throw badFrame('with too large a claim')
      return { kind, bytes: Uint8Array.from(frame.subarray(1)) }
    case 'secret':
      if (frame.length !== 1 + SECRET_BYTES) throw badFrame('that is no secret')
      return { kind, secret: Uint8Array.from(frame.subarray(1)) }
    case 'ping':
      return decodePing(frame)
    case 'hello':
    case 'rival':
    case 'askSecret':
    case 'whereabouts':
      return decodeFields(kind, frame)
  }
}

function decodeCompare(frame: Uint8Array): Message {
  const set = setNames[frame[1] ?? setNames.length]
  if (set === undefined || frame.length < COMPARE_HEAD_BYTES)
    throw badFrame('that is no comparison')
  const turn = new DataView(frame.buffer, frame.byteOffset).getUint32(2)
  const message = decodeReconcileMessage(frame.subarray(COMPARE_HEAD_BYTES))
  return { kind: 'compare', set, turn, message }
}

function decodePing(frame: Uint8Array): Message {
  if (frame.length !== PING_BYTES) throw badFrame('that is no ping')
  const time = new DataView(frame.buffer, frame.byteOffset).getFloat64(1)
  if (!isTime(time)) throw badFrame('that tells no time')
  return { kind: 'ping', time }
}

function decodeChanged(frame: Uint8Array): Message {
  const set = changedSets[frame[1] ?? changedSets.length]
  const [, , isNew] = frame
  if (set === undefined || frame.length !== 3 || (isNew !== 0 && isNew !== 1))
    throw badFrame('that is no notice')
  return { kind: 'changed', set, isNew: isNew === 1 }
}

type Worded = Extract<Message, { kind: 'hello' | 'rival' | 'askSecret' | 'whereabouts' }>

function decodeFields(kind: Worded['kind'], frame: Uint8Array): Worded {
  const fields = parseFields(frame.subarray(1))
  if (fields['kind'] !== kind || !readers[kind](fields)) throw badFrame(`that is no ${kind}`)
  return fields as unknown as Worded
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

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length <= 100 &&
  value.every(item => typeof item === 'string' && item.length < 500)

/** What a person may be shown: no control characters, and no longer than names are made. */
const isName = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= 200 && !/\p{Cc}/u.test(value)
const isHex = (value: unknown): boolean =>
  typeof value === 'string' && /^[0-9a-f]{16,64}$/.test(value)

/** Milliseconds that a date can be made of. */
const isTime = (value: unknown): boolean =>
  typeof value === 'number' && Math.abs(value) <= 8_640_000_000_000_000

const readers: { readonly [Kind in Worded['kind']]: (fields: JsonObject) => boolean } = {
  hello: ({ name, addresses, runId, time, keyCheck }) =>
    isName(name) && isTexts(addresses) && isHex(runId) && isHex(keyCheck) && isTime(time),
  rival: ({ runId }) => isHex(runId),
  askSecret: ({ check }) => isHex(check),
  whereabouts: ({ device, addresses }) =>
    typeof device === 'string' &&
    /^ed25519-[0-9a-f]{64}$/.test(device) &&
    isTexts(addresses) &&
    (addresses as readonly string[]).length <= FOUND_ADDRESSES_MAX,
}

function badFrame(what: string): PeerkeepError {
  return new PeerkeepError('BAD_FRAME', `a message ${what}`)
}

/** Whether a claim fits a push; a larger one is found by the next comparison. */
export function fitsPush(bytes: Uint8Array): boolean {
  return bytes.length <= PUSH_BYTES_MAX
}
