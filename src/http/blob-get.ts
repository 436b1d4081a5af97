import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'

import { openBudget } from '../base/budget.ts'
import type { Random } from '../base/random.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { BlobSource } from '../blob/store.ts'
import { goneSignal } from './gone-signal.ts'
import { SENT_BYTES_MAX } from './limits.ts'
import { contentRange, multipartRanges, readRanges } from './ranges.ts'
import { sendText } from './respond.ts'
import type { Route } from './server.ts'

/** Perkeep's: blobs never change, so their age says nothing, and one date does for all. */
const LAST_MODIFIED = 'Thu, 10 Jun 2010 23:42:15 GMT'

/** Blobs of fewer bytes that are text are shown as such: Perkeep's limit. */
const TEXT_SIZE_MAX = 32_768

/** Perkeep's GET and HEAD of a blob: whole or in ranges, and 304 for whoever has it. */
export function blobRoute(
  store: Pick<BlobSource, 'fetch' | 'stat'>,
  random: Random,
): (ref: string) => Route {
  const sent = openBudget(SENT_BYTES_MAX)
  return text => async (request, response) => {
    if (!isBlobRef(text)) {
      sendText(response, 'Malformed GET URL.', 400)
      return
    }
    const [size] = await store.stat([text])
    if (size === undefined) {
      sendText(response, `Blob "${text}" not found`, 404)
      return
    }
    response.setHeader('last-modified', LAST_MODIFIED)
    response.setHeader('etag', `"${text}"`)
    if (isKnown(request, text)) {
      response.writeHead(304)
      response.end()
      return
    }
    const giveBack = await sent.take(size, goneSignal(response))
    // Until the client has read it: a slow one holds its own, until it is cut.
    response.once('close', giveBack)
    const bytes = await store.fetch(text)
    if (bytes) sendBlob(request, response, { bytes, random })
    else sendText(response, `Blob "${text}" not found`, 404)
  }
}

function isKnown({ headers }: IncomingMessage, ref: BlobRef): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined) return tags === '*' || tags.includes(`"${ref}"`)
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return since >= Date.parse(LAST_MODIFIED)
}

interface Sending {
  readonly bytes: Uint8Array
  readonly random: Random
}

function sendBlob(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, random }: Sending,
): void {
  const size = bytes.length
  response.setHeader('accept-ranges', 'bytes')
  // A blob is anybody's bytes: a browser must not run them, nor guess what they are.
  response.setHeader('content-security-policy', "sandbox; default-src 'none'")
  response.setHeader('x-content-type-options', 'nosniff')
  const asked = request.headers['if-range']
  const isSame =
    asked === undefined || asked === LAST_MODIFIED || asked === response.getHeader('etag')
  const ranges = isSame ? readRanges(request.headers.range, size) : undefined
  if (!ranges) {
    const isText = size < TEXT_SIZE_MAX && isUtf8(bytes)
    const type = isText ? 'text/plain; charset=utf-8' : 'application/octet-stream'
    finish(response, { status: 200, type, pieces: [bytes] })
    return
  }
  const type = 'application/octet-stream'
  const [only, second] = ranges
  if (!only) {
    response.setHeader('content-range', `bytes */${size}`)
    finish(response, { status: 416, type: 'text/plain; charset=utf-8', pieces: [] })
  } else if (!second) {
    response.setHeader('content-range', contentRange(only, size))
    finish(response, { status: 206, type, pieces: [bytes.subarray(only.begin, only.end)] })
  } else {
    const boundary = Buffer.from(random.bytes(16)).toString('hex')
    const { pieces } = multipartRanges(ranges, { size, type, boundary })
    finish(response, {
      status: 206,
      type: `multipart/byteranges; boundary=${boundary}`,
      pieces: pieces.map(piece =>
        'begin' in piece ? bytes.subarray(piece.begin, piece.end) : piece,
      ),
    })
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly pieces: readonly Uint8Array[]
}

/** To a HEAD, Node sends the head only. */
function finish(response: ServerResponse, { status, type, pieces }: Answer): void {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  response.writeHead(status, { 'content-type': type, 'content-length': length })
  for (const piece of pieces) response.write(piece)
  response.end()
}
