import type { IncomingMessage, ServerResponse } from 'node:http'

import { type ErrorCode, isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { REQUEST_BODY_MAX } from './limits.ts'

/** HTTP status by error code; what is not listed is our own failure, 500. */
const statusOf: Partial<Record<ErrorCode, number>> = {
  AMBIGUOUS: 409,
  BAD_CLAIM: 400,
  BAD_REF: 400,
  BAD_SCHEMA: 400,
  BAD_USAGE: 400,
  BLOB_MISSING: 404,
  BLOB_TOO_LARGE: 413,
  BUSY: 503,
  DIGEST_MISMATCH: 400,
  DISK_FULL: 507,
  NOT_ADMIN: 403,
  NO_PICTURE: 415,
  NOT_FOUND: 404,
  REFUSED: 403,
  UNAUTHORIZED: 401,
  STORE_REFUSED: 502,
  STORE_UNREACHABLE: 504,
}

export function sendJson(response: ServerResponse, value: JsonValue, status = 200): void {
  send(response, { status, type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` })
}

/** JSON as Perkeep's clients want it: the type is exactly this one. */
export function sendPerkeepJson(response: ServerResponse, value: unknown, status = 200): void {
  send(response, { status, type: 'text/javascript', body: `${JSON.stringify(value, null, 2)}\n` })
}

export function sendText(response: ServerResponse, text: string, status = 200): void {
  send(response, { status, type: 'text/plain; charset=utf-8', body: text })
}

interface Body {
  readonly status: number
  readonly type: string
  readonly body: string
}

function send(response: ServerResponse, { status, type, body }: Body): void {
  const bytes = Buffer.from(body)
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'x-content-type-options': 'nosniff',
  })
  response.end(bytes)
}

export function sendError(response: ServerResponse, error: unknown): void {
  const known = isPeerkeepError(error)
  const status = known ? (statusOf[error.code] ?? 500) : 500
  const code = known ? error.code : 'IO'
  const message = known ? error.message : 'the node failed; its log says why'
  // What was said of the content is not true of its absence: a browser would keep that as long.
  const ofContent = response.getHeaderNames().filter(name => name !== 'access-control-allow-origin')
  for (const name of ofContent) response.removeHeader(name)
  if (status === 401) response.setHeader('www-authenticate', 'Basic realm=""')
  if (status === 503) response.setHeader('retry-after', '1')
  sendJson(response, { error: { code, message } }, status)
}

/** The body as it comes in. Rejects with `ABORTED` when the client goes away before its end. */
export async function* bodyOf(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    // The stream stays open, for whoever reads away what is left: so the client sees why it was refused.
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  } catch (error) {
    if (isPeerkeepError(error)) throw error
    throw new PeerkeepError('ABORTED', 'the client went away', { cause: error })
  }
}

/** The whole body. Rejects with `BLOB_TOO_LARGE` over `max` bytes, `ABORTED` when the client goes away before its end. */
async function readBody(request: IncomingMessage, max = REQUEST_BODY_MAX): Promise<Buffer> {
  const tooLarge = new PeerkeepError('BLOB_TOO_LARGE', `this request may have ${max} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > max) throw tooLarge
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of bodyOf(request)) {
    size += chunk.length
    if (size > max) throw tooLarge
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The body as a JSON object. Rejects with `BAD_USAGE` for anything else, `BLOB_TOO_LARGE` over the limit. */
export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const body = await readBody(request)
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonObject
    }
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw new PeerkeepError('BAD_USAGE', 'the request must be a JSON object')
}

/** What stands behind the `?` of a request, the first of each name counts. */
export function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? ''
  const at = url.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1))
}

/** The fields of a form, from the body (`application/x-www-form-urlencoded`) of a POST, else from the query. */
export async function readForm(request: IncomingMessage, max?: number): Promise<URLSearchParams> {
  if (request.method !== 'POST') return queryOf(request)
  return new URLSearchParams((await readBody(request, max)).toString('utf8'))
}
