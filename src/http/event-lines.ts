import { type ErrorCode, errorCodes, PeerkeepError } from '../base/errors.ts'
import type { OperationEvent } from '../node/operation.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { EVENT_LINE_MAX } from './limits.ts'

/**
 * How an operation's events travel from the node to whoever asked: one JSON object a line, the last
 * one `result` or `error`. A stream that ends without either was cut.
 */
export type EventLine =
  | OperationEvent
  | { readonly type: 'question'; readonly id: string; readonly text: string }
  | { readonly type: 'result'; readonly value: JsonValue }
  | { readonly type: 'error'; readonly error: PeerkeepError }

export function encodeEventLine(event: EventLine): string {
  return `${JSON.stringify(toJson(event))}\n`
}

function toJson(event: EventLine): unknown {
  if (event.type === 'bytes') {
    return { type: 'bytes', base64: Buffer.from(event.bytes).toString('base64') }
  }
  if (event.type === 'error') {
    const { code, message, details } = event.error
    return { type: 'error', code, message, details }
  }
  return event
}

/** Reads one line of our own server; anything else is `BAD_FRAME`. */
export function decodeEventLine(line: string): EventLine {
  const value = parseLine(line)
  switch (textOf(value['type'])) {
    case 'bytes':
      return { type: 'bytes', bytes: Buffer.from(textOf(value['base64']), 'base64') }
    case 'error':
      return { type: 'error', error: readError(value) }
    case 'item':
    case 'progress':
    case 'note':
    case 'problem':
    case 'question':
    case 'result':
      return value as unknown as EventLine
    default:
      throw new PeerkeepError(
        'BAD_FRAME',
        'the running node sent an event this version does not know',
      )
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function parseLine(line: string): JsonObject {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as JsonObject
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw new PeerkeepError('BAD_FRAME', 'the running node sent a line that is not an event')
}

function readError(value: JsonObject): PeerkeepError {
  const code = textOf(value['code'])
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'IO'
  const details = value['details'] as JsonObject as Readonly<Record<string, string>>
  return new PeerkeepError(known, textOf(value['message']), { details })
}

/** Cuts a byte stream into lines without their line feeds. Rejects with `BAD_FRAME` over the limit. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pending: Buffer[] = []
  let pendingBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      yield Buffer.concat([...pending, bytes.subarray(start, end)]).toString('utf8')
      pending = []
      pendingBytes = 0
      start = end + 1
    }
    if (start === bytes.length) continue
    pending.push(bytes.subarray(start))
    pendingBytes += bytes.length - start
    if (pendingBytes > EVENT_LINE_MAX) {
      throw new PeerkeepError('BAD_FRAME', 'the running node sent a line without an end')
    }
  }
  if (pendingBytes > 0) {
    throw new PeerkeepError('BAD_FRAME', 'the connection to the running node was cut')
  }
}
