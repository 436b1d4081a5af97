import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { type BlobRef, parseBlobRef } from '../blob/ref.ts'
import { type FetchBlob, fetchSchema } from '../schema/fetch.ts'
import { type ContentRange, readFileContent, sizeOfParts } from '../schema/file-reader.ts'
import type { FileSchema } from '../schema/schema-blob.ts'
import { contentDisposition } from './content-disposition.ts'
import { bytesOfPieces, writeAll } from './file-content.ts'
import { goneSignal } from './gone-signal.ts'
import { contentRange, multipartRanges, readRanges } from './ranges.ts'
import { queryOf, sendText } from './respond.ts'
import type { Route } from './server.ts'

interface DownloadParts {
  readonly fetch: FetchBlob
  readonly clock: Clock
  readonly random: Random
  /** What is known of a file's content, as a media type. */
  readonly mediaType: (file: BlobRef) => Promise<string | undefined>
  /** For strangers: shown if that is safe, and never compared, which reads all of it. */
  readonly isShared?: boolean
}

/** What content never changes may be kept for, in milliseconds: a year, as HTTP has it at most. */
const KEPT_MS = 365 * 24 * 60 * 60 * 1000

/** What a browser shows without running anything in it; all else is bytes. */
const SHOWN_TYPES =
  /^(?:image\/(?:jpeg|png|gif|webp|avif|bmp)|video\/[\w.-]+|audio\/[\w.-]+|text\/plain)$/

/** Perkeep's download of a file, by the ref of its `file` blob: whole or in ranges, or only to compare its content. */
export function downloadRoute(parts: DownloadParts): (ref: string) => Route {
  const { fetch, clock, mediaType, isShared = false } = parts
  return text => async (request, response) => {
    const ref = parseBlobRef(text)
    const file = await fetchSchema(fetch, ref, ['file'])
    const query = queryOf(request)
    const isInline = isShared || query.get('inline') === '1'
    const known = isInline ? await mediaType(ref) : undefined
    response.setHeader('content-disposition', contentDisposition(isInline, file.name))
    response.setHeader('content-security-policy', "sandbox; default-src 'none'")
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('etag', `"${ref}"`)
    response.setHeader('expires', new Date(clock.now() + KEPT_MS).toUTCString())
    const type = known !== undefined && SHOWN_TYPES.test(known) ? known : 'application/octet-stream'
    const asked = isShared ? null : query.get('verifycontents')
    if (request.method === 'HEAD' && asked !== null) {
      await verifyContents(response, { fetch, file, asked, type })
    } else if (isKnown(request, ref)) {
      response.writeHead(304)
      response.end()
    } else await sendFile(request, response, { ...parts, file, ref, type })
  }
}

/** Content never changes, so whoever has a copy, of whatever date, has it. */
function isKnown({ headers }: IncomingMessage, ref: BlobRef): boolean {
  const tags = headers['if-none-match']
  return tags === undefined
    ? headers['if-modified-since'] !== undefined
    : tags === '*' || tags.includes(`"${ref}"`)
}

interface Verifying {
  readonly fetch: FetchBlob
  readonly file: FileSchema
  /** The digest that the whole content should have, in the form of a ref. */
  readonly asked: string
  readonly type: string
}

async function verifyContents(
  response: ServerResponse,
  { fetch, file, asked, type }: Verifying,
): Promise<void> {
  const signal = goneSignal(response)
  const whole = parseBlobRef(asked)
  const [hashName = '', expected] = whole.split('-')
  const digest = createHash(hashName)
  for await (const chunk of bytesOfPieces(readFileContent(fetch, file.parts))) {
    signal.throwIfAborted()
    digest.update(chunk)
  }
  if (digest.digest('hex') === expected) response.setHeader('x-camli-contents', whole)
  const length = sizeOfParts(file.parts)
  response.writeHead(200, { 'content-type': type, 'content-length': length })
  response.end()
}

interface Sending extends DownloadParts {
  readonly file: FileSchema
  readonly ref: BlobRef
  readonly type: string
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  sending: Sending,
): Promise<void> {
  const { file, ref, type, random } = sending
  const size = sizeOfParts(file.parts)
  response.setHeader('accept-ranges', 'bytes')
  const ifRange = request.headers['if-range']
  const isSame = ifRange === undefined || ifRange === `"${ref}"`
  const ranges = isSame ? readRanges(request.headers.range, size) : undefined
  const [only, second] = ranges ?? []
  if (!ranges) {
    await sendPieces(request, response, {
      ...sending,
      status: 200,
      length: size,
      pieces: [{ begin: 0, end: size }],
    })
  } else if (!only) {
    response.setHeader('content-range', `bytes */${size}`)
    sendText(response, 'nothing of the file lies in this range', 416)
  } else if (!second) {
    response.setHeader('content-range', contentRange(only, size))
    const length = only.end - only.begin
    await sendPieces(request, response, { ...sending, status: 206, length, pieces: [only] })
  } else {
    const boundary = Buffer.from(random.bytes(16)).toString('hex')
    const { pieces, length } = multipartRanges(ranges, { size, type, boundary })
    const multipart = `multipart/byteranges; boundary=${boundary}`
    await sendPieces(request, response, {
      ...sending,
      type: multipart,
      status: 206,
      length,
      pieces,
    })
  }
}

interface Pieces extends Sending {
  readonly status: number
  readonly length: number
  readonly pieces: readonly (Buffer | { readonly begin: number; readonly end: number })[]
}

/** What is missing shows before the head is sent where it is the first; later the connection is cut. */
async function sendPieces(
  request: IncomingMessage,
  response: ServerResponse,
  { fetch, file, status, type, length, pieces }: Pieces,
): Promise<void> {
  const head = { 'content-type': type, 'content-length': length }
  if (request.method === 'HEAD') {
    response.writeHead(status, head)
    response.end()
    return
  }
  const signal = goneSignal(response)
  const chunks = chunksOf(fetch, file, pieces)
  const first = await chunks.next()
  response.writeHead(status, head)
  if (first.done !== true) {
    response.write(first.value)
    await writeAll(response, chunks, signal)
  }
  response.end()
}

async function* chunksOf(
  fetch: FetchBlob,
  file: FileSchema,
  pieces: Pieces['pieces'],
): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (!('begin' in piece)) {
      yield piece
      continue
    }
    const range: ContentRange = { begin: piece.begin, size: piece.end - piece.begin }
    yield* bytesOfPieces(readFileContent(fetch, file.parts, range))
  }
}
