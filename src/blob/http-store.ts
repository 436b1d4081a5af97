import type { Duplex } from 'node:stream'

import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { type HttpAnswer, type HttpLine, openHttpLine } from './http-line.ts'
import { openHttpUploads } from './http-uploads.ts'
import { BLOB_SIZE_MAX, HTTP_PAGE_BYTES_MAX, HTTP_PAGE_REFS, HTTP_STAT_REFS } from './limits.ts'
import { type BlobRef, isBlobRef, matchesRef } from './ref.ts'
import type { BlobStore, SizedRef } from './store.ts'

interface HttpStoreOptions {
  /** A server, whose blob handlers are asked for; or, with a path, the root of the blob handlers themselves. */
  readonly url: string
  /** Instead of a name and password in the address. */
  readonly token?: string | undefined
  readonly clock: Clock
  readonly random: Random
  /** Another way to the server than by its address. */
  readonly connect?: (() => Promise<Duplex>) | undefined
}

/**
 * The blobs of a Perkeep server, or of another Peerkeep node, over Perkeep's HTTP protocol. Removing is what most
 * servers refuse (`REFUSED`). Rejects with `STORE_REFUSED`, `STORE_UNREACHABLE`, or `BAD_USAGE` for what is no such server.
 */
export async function openHttpStore(options: HttpStoreOptions): Promise<BlobStore> {
  const server = parseServer(options.url)
  const { token, clock, connect } = options
  const line = openHttpLine({ server, token, clock, connect })
  try {
    const isRoot = server.pathname !== '/'
    const root = isRoot ? `${server.pathname.replace(/\/+$/, '')}/` : await discover(line, server)
    return storeOver(line, { root, server, random: options.random })
  } catch (error) {
    line.close()
    throw error
  }
}

function parseServer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new PeerkeepError(
    'BAD_USAGE',
    `${text} is no address of a server; one looks like http://127.0.0.1:3179`,
  )
}

async function discover(line: HttpLine, server: URL): Promise<string> {
  const answer = await line.ask({
    method: 'GET',
    path: '/',
    headers: { accept: 'text/x-camli-configuration' },
    answerMax: HTTP_PAGE_BYTES_MAX,
  })
  const root = answer.status === 200 ? jsonOf(answer)['blobRoot'] : undefined
  if (typeof root === 'string' && root !== '') return new URL(root, server).pathname
  throw new PeerkeepError(
    'BAD_USAGE',
    `${server.origin} does not say where its blobs are; is it a Perkeep server? Name the place itself: ${server.origin}/bs/`,
  )
}

function jsonOf({ body }: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw new PeerkeepError('BAD_FRAME', 'the server answers something that is no JSON object')
}

interface Place {
  readonly root: string
  readonly server: URL
  readonly random: Random
}

function storeOver(line: HttpLine, { root, server, random }: Place): BlobStore {
  const running = new Set<Promise<unknown>>()
  let isClosed = false
  const stat = (refs: readonly BlobRef[]): Promise<(number | undefined)[]> =>
    statAll(line, root, refs)
  const uploads = openHttpUploads({ line, root, stat, random })

  async function tracked<Result>(work: () => Promise<Result>): Promise<Result> {
    if (isClosed)
      throw new PeerkeepError(
        'CLOSED',
        `The line to ${server.origin} was used after it was closed.`,
      )
    const doing = work()
    running.add(doing)
    try {
      return await doing
    } finally {
      running.delete(doing)
    }
  }

  async function close(): Promise<void> {
    isClosed = true
    await Promise.allSettled(running)
    line.close()
  }

  return {
    fetch: ref => tracked(() => fetchBlob(line, `${root}camli/${ref}`, ref)),
    stat: refs => tracked(() => stat(refs)),
    async *enumerate(after) {
      let page = tracked(() => readPage(line, root, after))
      for (;;) {
        const { blobs, next } = await page
        // The next page is on its way while this one is read.
        if (next !== undefined) page = tracked(() => readPage(line, root, next))
        page.catch(() => undefined)
        yield* blobs
        if (next === undefined) return
      }
    },
    add: blob => tracked(() => uploads.add(blob)),
    remove: refs => tracked(() => removeAll(line, root, refs)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function fetchBlob(
  line: HttpLine,
  path: string,
  ref: BlobRef,
): Promise<Uint8Array | undefined> {
  const { status, body } = await line.ask({ method: 'GET', path, answerMax: BLOB_SIZE_MAX })
  if (status === 404) return undefined
  if (status !== 200) throw unexpected(status, path)
  if (matchesRef(ref, body)) return body
  throw new PeerkeepError('BLOB_DAMAGED', `The server sends other bytes than those of ${ref}.`, {
    details: { ref },
  })
}

async function statAll(
  line: HttpLine,
  root: string,
  refs: readonly BlobRef[],
): Promise<(number | undefined)[]> {
  const sizes = new Map<unknown, unknown>()
  for (let at = 0; at < refs.length; at += HTTP_STAT_REFS) {
    const group = refs.slice(at, at + HTTP_STAT_REFS)
    const answer = await postForm(line, `${root}camli/stat`, group)
    if (answer.status !== 200) throw unexpected(answer.status, `${root}camli/stat`)
    const { stat } = jsonOf(answer)
    for (const found of Array.isArray(stat) ? (stat as Partial<Record<string, unknown>>[]) : [])
      sizes.set(found['blobRef'], found['size'])
  }
  return refs.map(ref => sizeOf(sizes.get(ref)))
}

function sizeOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}

async function readPage(
  line: HttpLine,
  root: string,
  after: BlobRef | undefined,
): Promise<{ readonly blobs: readonly SizedRef[]; readonly next: BlobRef | undefined }> {
  const path = `${root}camli/enumerate-blobs?after=${after ?? ''}&limit=${HTTP_PAGE_REFS}&maxwaitsec=0`
  const answer = await line.ask({ method: 'GET', path, answerMax: HTTP_PAGE_BYTES_MAX })
  if (answer.status !== 200) throw unexpected(answer.status, path)
  const { blobs: listed, continueAfter } = jsonOf(answer)
  const blobs: SizedRef[] = []
  let last = after ?? ''
  for (const entry of Array.isArray(listed) ? (listed as Partial<Record<string, unknown>>[]) : []) {
    const { blobRef: ref, size } = entry
    // Refs of hashes that nobody knows here cannot be verified, nor stored.
    if (!isBlobRef(ref)) continue
    if (ref <= last || sizeOf(size) === undefined)
      throw new PeerkeepError('BAD_FRAME', `the server lists ${ref} out of order or without a size`)
    last = ref
    blobs.push({ ref, size: Number(size) })
  }
  const isMore = isBlobRef(continueAfter) && continueAfter > (after ?? '')
  return { blobs, next: isMore ? continueAfter : undefined }
}

async function removeAll(line: HttpLine, root: string, refs: readonly BlobRef[]): Promise<void> {
  for (let at = 0; at < refs.length; at += HTTP_STAT_REFS) {
    const group = refs.slice(at, at + HTTP_STAT_REFS)
    const { status, body } = await postForm(line, `${root}camli/remove`, group)
    if (status === 200) continue
    throw new PeerkeepError(
      'REFUSED',
      `the server does not remove blobs (${status}): ${body.toString('utf8', 0, 300)}`,
    )
  }
}

function postForm(line: HttpLine, path: string, refs: readonly BlobRef[]): Promise<HttpAnswer> {
  const fields = refs.map((ref, at) => `blob${at + 1}=${ref}`)
  const body = Buffer.from(['camliversion=1', ...fields].join('&'))
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return line.ask({ method: 'POST', path, headers, body: [body], answerMax: HTTP_PAGE_BYTES_MAX })
}

function unexpected(status: number, path: string): PeerkeepError {
  return new PeerkeepError(
    'BAD_FRAME',
    `the server answers ${status} to ${path.slice(0, 200)}; is this the place of its blobs?`,
  )
}
