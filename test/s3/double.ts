import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { S3Refusal } from './double-errors.ts'
import { plainObject, sortedObjects } from './double-objects.ts'
import {
  answerRequest,
  type DoubleAnswer,
  type DoubleRequest,
  type DoubleState,
  type Habits,
} from './double-requests.ts'
import { checkSignature } from './double-signature.ts'
import { document } from './double-xml.ts'

/**
 * What becomes of one request: `slow-down` and `internal` are answers (503, 500) instead of it; `reset` ends the
 * connection before it is done, `reset-after` when it is done and unanswered, `cut` in the middle of the answer's body,
 * where `stall` says nothing more; `hang` never answers; a refusal is answered as it is.
 */
export type Fault =
  | 'slow-down'
  | 'internal'
  | 'reset'
  | 'reset-after'
  | 'cut'
  | 'stall'
  | 'hang'
  | S3Refusal

/** An S3 server in this process, which keeps everything in memory and believes no signature that is not right. */
export interface S3Double {
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly habits: Habits
  /** Asked before each request whose signature is right. */
  fault: ((request: DoubleRequest) => Fault | undefined) | undefined
  /** Milliseconds that the server's clock is ahead. */
  clockAheadMs: number
  /** What was asked, as `PUT bucket/key`, oldest first; a test may empty it. */
  readonly log: string[]
  /** Connections that are open. */
  connections(): Promise<number>
  /** What is stored under a key, to look at or to change behind the client's back. */
  object(bucket: string, key: string): Uint8Array | undefined
  /** Makes the bucket as well. */
  put(bucket: string, key: string, bytes: Uint8Array): void
  /** Makes the bucket, or empties it. */
  empty(bucket: string): void
  close(): Promise<void>
}

const bodyBytesMax = 64 * 1024 * 1024

export async function openS3Double(): Promise<S3Double> {
  const [accessKeyId, secretAccessKey] = ['doublekey', 'double/secret+key']
  const secrets = new Map([[accessKeyId, secretAccessKey]])
  const habits: Habits = {
    conditionalPut: 'kept',
    ignoresConditionalComplete: false,
    emptyCompleteEtag: false,
    refusesStorageClasses: false,
    needsDeleteMd5: false,
  }
  const state: DoubleState = { buckets: new Map(), habits }

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const now = Date.now() + double.clockAheadMs
    response.setHeader('date', new Date(now).toUTCString())
    let fault: Fault | undefined
    try {
      const body = await readBody(message)
      const { method = '', url = '', headers } = message
      checkSignature({ method, url, headers, body }, secrets, now)
      const request = requestOf(message, body)
      double.log.push(`${method} ${request.bucket}/${request.key}`)
      fault = double.fault?.(request)
      const refusal = refusalOf(fault)
      if (refusal !== undefined) throw refusal
      if (fault === 'hang') return
      if (fault === 'reset') {
        message.socket.destroy()
        return
      }
      const given = answerRequest(state, request)
      if (fault === 'reset-after') message.socket.destroy()
      else send(response, given, fault)
    } catch (error) {
      sendRefusal(message, response, error)
    }
  }

  const server = createServer((message, response) => void answer(message, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const double: S3Double = {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId,
    secretAccessKey,
    habits,
    fault: undefined,
    clockAheadMs: 0,
    log: [],
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
      }),
    object: (bucket, key) => state.buckets.get(bucket)?.objects.get(key)?.bytes,
    put(bucket, key, bytes) {
      if (!state.buckets.has(bucket)) double.empty(bucket)
      state.buckets.get(bucket)?.objects.set(key, plainObject(bytes))
    },
    empty: bucket =>
      void state.buckets.set(bucket, { objects: sortedObjects(), uploads: new Map() }),
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return double
}

function requestOf(
  { method = '', url = '', headers }: IncomingMessage,
  body: Uint8Array,
): DoubleRequest {
  const question = url.indexOf('?')
  const path = decodeURIComponent(question === -1 ? url : url.slice(0, question))
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? []
  const query = new URLSearchParams(question === -1 ? '' : url.slice(question + 1))
  return { method, bucket, key, query, headers, body }
}

async function readBody(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > bodyBytesMax) throw new S3Refusal(400, 'EntityTooLarge')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function refusalOf(fault: Fault | undefined): S3Refusal | undefined {
  if (fault instanceof S3Refusal) return fault
  if (fault === 'slow-down') return new S3Refusal(503, 'SlowDown')
  return fault === 'internal' ? new S3Refusal(500, 'InternalError') : undefined
}

function send(
  response: ServerResponse,
  { status, headers = {}, body }: DoubleAnswer,
  fault: Fault | undefined,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? new Uint8Array())
  response.writeHead(status, { 'content-length': bytes.length, ...headers })
  const half = bytes.subarray(0, bytes.length >> 1)
  if (fault === 'cut') response.write(half, () => response.destroy())
  else if (fault === 'stall') response.write(half)
  else response.end(bytes)
}

function sendRefusal(message: IncomingMessage, response: ServerResponse, error: unknown): void {
  const refusal =
    error instanceof S3Refusal ? error : new S3Refusal(500, 'DoubleFailed', String(error))
  const body = document('Error', {
    Code: refusal.code,
    Message: refusal.message,
    Resource: message.url ?? '',
  })
  response.writeHead(refusal.status, { 'content-type': 'application/xml' })
  response.end(message.method === 'HEAD' ? undefined : body)
}
