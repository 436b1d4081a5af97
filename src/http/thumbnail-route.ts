import type { IncomingMessage } from 'node:http'

import type { Clock } from '../base/clock.ts'
import { parseBlobRef } from '../blob/ref.ts'
import { type Thumbnails, readPixels } from '../node/thumbnails.ts'
import { goneSignal } from './gone-signal.ts'
import { queryOf } from './respond.ts'
import type { Route } from './server.ts'

interface ThumbnailParts {
  readonly thumbnails: Thumbnails
  readonly clock: Clock
}

/** What a browser may keep it for: a year. It needs the password, so that nobody between keeps it. */
const KEPT_SECONDS = 365 * 24 * 60 * 60

/** A small picture of a file, by the ref of its `file` blob, within `mw` and `mh` pixels: PROTOCOL 14.4. */
export function thumbnailRoute({ thumbnails, clock }: ThumbnailParts): (ref: string) => Route {
  return text => async (request, response) => {
    const ref = parseBlobRef(text)
    const query = queryOf(request)
    const size = { width: readPixels(query.get('mw')), height: readPixels(query.get('mh')) }
    const { mediaType, bytes } = await thumbnails.get(ref, size, goneSignal(response))
    const tag = `"${ref}-${size.width}x${size.height}"`
    response.setHeader('etag', tag)
    response.setHeader('cache-control', `private, max-age=${KEPT_SECONDS}, immutable`)
    response.setHeader('expires', new Date(clock.now() + KEPT_SECONDS * 1000).toUTCString())
    response.setHeader('content-security-policy', "sandbox; default-src 'none'")
    response.setHeader('x-content-type-options', 'nosniff')
    if (isKnown(request, tag)) {
      response.writeHead(304)
      response.end()
      return
    }
    response.writeHead(200, { 'content-type': mediaType, 'content-length': bytes.length })
    response.end(request.method === 'HEAD' ? undefined : bytes)
  }
}

function isKnown({ headers }: IncomingMessage, tag: string): boolean {
  const tags = headers['if-none-match']
  return tags !== undefined && (tags === '*' || tags.includes(tag))
}
