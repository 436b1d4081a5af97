import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

import type { BlobRef } from '../blob/ref.ts'
import type { BlobSource, SizedRef } from '../blob/store.ts'
import { type BlobArrivals, waitSeconds } from './blob-arrivals.ts'
import { goneSignal } from './gone-signal.ts'
import { ENUMERATE_LIMIT_DEFAULT, ENUMERATE_LIMIT_MAX } from './limits.ts'
import { queryOf, sendText } from './respond.ts'
import type { Route } from './server.ts'

/** Longest text that `after` is compared as: longer than any ref, so that what is cut off decides nothing. */
const AFTER_LENGTH_MAX = 100

/** Characters of the answer that are gathered before they are sent. */
const PIECE_LENGTH = 64 * 1024

/**
 * Perkeep's enumeration: refs and sizes in order, a page a request, in the layout that its clients read line by line.
 * With `maxwaitsec` an empty store is answered when a blob has come in.
 */
export function enumerateRoute(
  store: Pick<BlobSource, 'enumerate'>,
  arrivals: BlobArrivals,
): Route {
  return async (request, response) => {
    const query = queryOf(request)
    const after = query.get('after') ?? ''
    const seconds = waitSeconds(query.get('maxwaitsec'))
    if (seconds > 0 && after !== '') {
      sendText(response, "Can't use 'maxwaitsec' with 'after'.\n", 400)
      return
    }
    const limit = limitOf(query.get('limit'))
    const signal = goneSignal(response)
    if (seconds > 0 && limit > 0) {
      const enough = new AbortController()
      const arrived = arrivals.wait(seconds, () => true, AbortSignal.any([signal, enough.signal]))
      if (!(await isEmpty(store))) enough.abort()
      await arrived
    }
    const blobs = limit === 0 ? [] : store.enumerate(startOf(after))
    await sendPage(response, { blobs, limit, signal })
  }
}

function limitOf(text: string | null): number {
  if (text === null || text === '') return ENUMERATE_LIMIT_DEFAULT
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : ENUMERATE_LIMIT_MAX
  return Math.min(limit, ENUMERATE_LIMIT_MAX)
}

async function isEmpty(store: Pick<BlobSource, 'enumerate'>): Promise<boolean> {
  for await (const _ of store.enumerate()) return false
  return true
}

/** Where a listing begins. `after` is any text: refs are compared with it as text is. */
function startOf(after: string): BlobRef | undefined {
  const behind = after.toWellFormed().slice(0, AFTER_LENGTH_MAX).replaceAll('\0', ' ')
  return behind === '' ? undefined : (behind as BlobRef)
}

interface Page {
  readonly blobs: AsyncIterable<SizedRef> | readonly SizedRef[]
  readonly limit: number
  readonly signal: AbortSignal
}

async function sendPage(response: ServerResponse, { blobs, limit, signal }: Page): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/javascript; charset=utf-8',
    'x-content-type-options': 'nosniff',
  })
  let text = '{\n  "blobs": ['
  let count = 0
  let last = ''
  for await (const { ref, size } of blobs) {
    text += `${count === 0 ? '' : ','}\n    {"blobRef": "${ref}", "size": ${size}}`
    count += 1
    last = ref
    if (count === limit) break
    if (text.length < PIECE_LENGTH) continue
    if (!response.write(text, 'latin1')) await once(response, 'drain', { signal })
    text = ''
  }
  const next = count > 0 && count === limit ? `  "continueAfter": "${last}",\n` : ''
  response.end(
    `${text}${count === 0 ? '\n' : ''}\n  ],\n${next}  "canLongPoll": true\n}\n`,
    'latin1',
  )
}
