import { createHmac, timingSafeEqual } from 'node:crypto'

import type { Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'

import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { KeyId } from '../schema/signer.ts'
import { PAIRING_BYTES_MAX } from './limits.ts'

/**
 * Pairing, on a line that already proves both keys: the newcomer shows that it has the ticket's secret and says its
 * name; the inviter, after its person has agreed, answers with what makes the newcomer a device. One question, one
 * answer, each a JSON object at the end of which its side of the stream closes.
 */
export interface JoinRequest {
  readonly keyId: KeyId
  readonly name: string
  readonly proof: Uint8Array
}

/** What a newcomer is given. */
export interface Admission {
  readonly inviterName: string
  /** The owner's public key blob. */
  readonly ownerKeyBlob: Uint8Array
  readonly groupSecret: Uint8Array
  /** Keys, permanodes and claims that certify the owner's devices, the newcomer among them. */
  readonly blobs: readonly Uint8Array[]
}

/** What shows the inviter that who calls has the secret, without saying it: bound to both keys. */
export function joinProof(secret: Uint8Array, newcomer: KeyId, inviter: KeyId): Uint8Array {
  return createHmac('sha256', secret).update(`peerkeep pairing\n${newcomer}\n${inviter}`).digest()
}

export function isSameProof(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The newcomer's side. Rejects with the inviter's refusal as `PEER_REFUSED`. */
export async function askToJoin(
  stream: Stream,
  request: { readonly name: string; readonly proof: Uint8Array },
): Promise<Admission> {
  const proof = Buffer.from(request.proof).toString('base64')
  await sendJson(stream, { name: request.name, proof })
  const answer = await receiveJson(stream)
  if (typeof answer['refused'] === 'string')
    throw new PeerkeepError('PEER_REFUSED', answer['refused'])
  const [ownerKeyBlob, groupSecret] = [
    base64(answer['ownerKeyBlob']),
    base64(answer['groupSecret']),
  ]
  const blobs = Array.isArray(answer['blobs'])
    ? (answer['blobs'] as readonly JsonValue[]).map(base64)
    : []
  return {
    inviterName: typeof answer['inviterName'] === 'string' ? answer['inviterName'] : '',
    ownerKeyBlob,
    groupSecret,
    blobs,
  }
}

/** The inviter's side: reads the request of `keyId`, which the line has proved. */
export async function readJoinRequest(stream: Stream, keyId: KeyId): Promise<JoinRequest> {
  const { name, proof } = await receiveJson(stream)
  if (typeof name !== 'string' || name.length === 0 || name.length > 200) {
    throw new PeerkeepError('BAD_FRAME', 'a pairing request without a name')
  }
  return { keyId, name, proof: base64(proof) }
}

export async function answerJoin(
  stream: Stream,
  answer: Admission | { readonly refused: string },
): Promise<void> {
  if ('refused' in answer) return sendJson(stream, { refused: answer.refused })
  const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  return sendJson(stream, {
    inviterName: answer.inviterName,
    ownerKeyBlob: encode(answer.ownerKeyBlob),
    groupSecret: encode(answer.groupSecret),
    blobs: answer.blobs.map(encode),
  })
}

async function sendJson(stream: Stream, value: JsonObject): Promise<void> {
  stream.send(Buffer.from(JSON.stringify(value)))
  await stream.close()
}

async function receiveJson(stream: Stream): Promise<JsonObject> {
  const text = await pipe(stream, limitBytes, joinText)
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as JsonObject
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw new PeerkeepError(
    'BAD_FRAME',
    'the other device hung up, or sent what is no pairing message',
  )
}

/** Passes bytes on, up to what a pairing message may have. */
async function* limitBytes(
  source: AsyncIterable<Uint8Array | { subarray(): Uint8Array }>,
): AsyncGenerator<Uint8Array> {
  let length = 0
  for await (const chunk of source) {
    const bytes = chunk.subarray()
    length += bytes.length
    if (length > PAIRING_BYTES_MAX)
      throw new PeerkeepError('BAD_FRAME', 'a pairing message without an end')
    yield bytes
  }
}

async function joinText(source: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(source)).toString('utf8')
}

function base64(value: JsonValue | undefined): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : '', 'base64')
}
