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
  DIGEST_MISMATCH: 400,
  DISK_FULL: 507,
  NOT_ADMIN: 403,
  NOT_FOUND: 404,
  REFUSED: 403,
  STORE_REFUSED: 502,
  STORE_UNREACHABLE: 504,
}

export function sendJson(response: ServerResponse, value: JsonValue, status = 200): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
  })
  response.end(`${JSON.stringify(value, null, 2)}\n`)
}

export function sendError(response: ServerResponse, error: unknown): void {
  const known = isPeerkeepError(error)
  const status = known ? (statusOf[error.code] ?? 500) : 500
  const code = known ? error.code : 'IO'
  const message = known ? error.message : 'the node failed; its log says why'
  sendJson(response, { error: { code, message } }, status)
}

/** The body as a JSON object. Rejects with `BAD_USAGE` for anything else, `BLOB_TOO_LARGE` over the limit. */
export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > REQUEST_BODY_MAX) {
      throw new PeerkeepError('BLOB_TOO_LARGE', `a request may have ${REQUEST_BODY_MAX} bytes`)
    }
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonObject
    }
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw new PeerkeepError('BAD_USAGE', 'the request must be a JSON object')
}
