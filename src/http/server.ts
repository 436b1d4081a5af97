import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import type { Clock } from '../base/clock.ts'
import { isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { HEAD_TIMEOUT_MS, KEEP_ALIVE_MS, PIPELINED_MAX, UNREAD_BODY_MAX } from './limits.ts'
import { type Pace, watchPace } from './pace.ts'
import { sendError } from './respond.ts'

/** One answer of the server: writes the whole response, or rejects with a PeerkeepError before it. */
export type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** `path` is what the client wrote before a `?`, as it wrote it; a route for what is known, else undefined. */
export type FindRoute = (method: string, path: string) => Route | undefined

export type ListenAddress =
  /** A unix socket, that only this user can reach: its directory is 0700. */
  | { readonly path: string }
  /** A TCP port; 0 takes a free one. */
  | { readonly host: string; readonly port: number }

export interface HttpServerOptions {
  readonly log: Log
  readonly clock: Clock
  /** Certificate chain and key, PEM: then the server speaks TLS. */
  readonly tls?: { readonly cert: Uint8Array; readonly key: Uint8Array } | undefined
}

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:3179`, or the path of the socket. */
  readonly address: string
  /** Stops listening, ends open requests, and resolves when all are gone. */
  close(): Promise<void>
}

/** Serves `findRoute` until closed. Rejects with `IO` when the address is not to be had, `BAD_CONFIG` for a certificate that is none. */
export async function openHttpServer(
  listen: ListenAddress,
  findRoute: FindRoute,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const { log, clock, tls } = options
  const running = new Set<Promise<void>>()
  let pace: Pace | undefined
  const server = makeServer(tls, (request, response) => {
    const answering = inTurn(request, response, async () => {
      const done = pace?.begin(request)
      if (done) response.once('close', done)
      await answer(request, response, findRoute)
      await isSent(response)
    }).catch((error: unknown) => log.warn('http request failed', { reason: String(error) }))
    running.add(answering)
    void answering.finally(() => running.delete(answering))
  })
  server.headersTimeout = HEAD_TIMEOUT_MS
  // How long a body takes is the pace's business: a large upload over a slow line takes hours.
  server.requestTimeout = 0
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.on('clientError', refuseMalformed)
  // Whoever reaches the home's socket is this user; an operation may say nothing for long.
  if (!('path' in listen)) pace = watchPace(server, tls ? 'secureConnection' : 'connection', clock)
  await startListening(server, listen)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> =>
    (closing ??= stopListening(server)
      .finally(() => pace?.close())
      .then(async () => void (await Promise.allSettled(running))))
  return { address: addressOf(server, listen, tls), close, [Symbol.asyncDispose]: close }
}

function makeServer(tls: HttpServerOptions['tls'], listener: RequestListener): Server {
  if (!tls) return createServer(listener)
  try {
    const { cert, key } = tls
    const handshakeTimeout = HEAD_TIMEOUT_MS
    return createTlsServer(
      { cert: Buffer.from(cert), key: Buffer.from(key), handshakeTimeout },
      listener,
    )
  } catch (error) {
    throw new PeerkeepError(
      'BAD_CONFIG',
      `the certificate or its key cannot be used: ${error instanceof Error ? error.message : String(error)}. httpsCert and httpsKey must name PEM files that belong together.`,
      { cause: error },
    )
  }
}

/** A server of connections that somebody else accepts. */
export interface ConnectionServer extends AsyncDisposable {
  accept(connection: Duplex): void
}

/** Serves `findRoute` on connections that are handed to it: whoever does so knows who is at their other end. */
export function openConnectionServer(
  findRoute: FindRoute,
  { log }: Pick<HttpServerOptions, 'log'>,
): ConnectionServer {
  const open = new Set<Duplex>()
  const server = createServer((request, response) => {
    answer(request, response, findRoute).catch((error: unknown) =>
      log.warn('request of a device failed', { reason: String(error) }),
    )
  })
  server.requestTimeout = 0
  return {
    accept(connection) {
      open.add(connection)
      connection.once('close', () => open.delete(connection))
      connection.on('error', () => undefined)
      server.emit('connection', connection)
    },
    async [Symbol.asyncDispose]() {
      for (const connection of open) connection.destroy()
      server.close()
    },
  }
}

/** The last request taken up on each connection, and how many wait behind it. */
const turns = new WeakMap<Socket, { last: Promise<void>; waiting: number }>()

/**
 * Requests that were sent ahead on one connection are worked on one after the other: else a small packet of them
 * could make the node read a thousand blobs at once.
 */
async function inTurn(
  request: IncomingMessage,
  response: ServerResponse,
  run: () => Promise<void>,
): Promise<void> {
  const turn = turns.get(request.socket) ?? { last: Promise.resolve(), waiting: 0 }
  turns.set(request.socket, turn)
  if (turn.waiting >= PIPELINED_MAX) {
    request.socket.destroy()
    return
  }
  turn.waiting += 1
  const before = turn.last
  const mine = before.then(() => (response.destroyed ? undefined : run()))
  turn.last = mine.catch(() => undefined)
  try {
    await mine
  } finally {
    turn.waiting -= 1
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  findRoute: FindRoute,
): Promise<void> {
  try {
    const path = (request.url ?? '/').replace(/[?#].*$/s, '')
    const route = findRoute(request.method ?? 'GET', path)
    if (!route) throw new PeerkeepError('NOT_FOUND', `there is nothing at ${path.slice(0, 200)}`)
    await route(request, response)
  } catch (error) {
    if (response.headersSent) response.destroy()
    else {
      await readAway(request)
      sendError(response, error)
    }
    if (!isPeerkeepError(error)) throw error
  }
}

/**
 * Reads what is left of a body before it is refused: cut off in the middle of it, a client may never see the answer. Who
 * sends very much more is cut off all the same.
 */
async function readAway(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return
  let left = UNREAD_BODY_MAX
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      left -= chunk.length
      if (left < 0) request.socket.destroy()
    }
  } catch {
    // Gone: there is nobody to answer.
  }
}

/** Resolves when the answer has left, or whoever asked has. */
async function isSent(response: ServerResponse): Promise<void> {
  if (response.destroyed || response.closed || !response.writableEnded) return
  await new Promise(resolve => response.once('close', resolve))
}

/** What is no HTTP: one answer, and the connection ends, as nobody knows where the next request begins. */
function refuseMalformed(
  error: Error & { code?: string },
  socket: { destroyed: boolean } & Pick<Socket, 'writable' | 'end' | 'destroy'>,
): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const [status, text] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'the head of the request is too large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'the head of the request took too long']
        : ['400 Bad Request', 'this is not a request as HTTP/1.1 has it']
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: ${text.length + 1}\r\n\r\n${text}\n`,
  )
}

async function startListening(server: Server, listen: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen, () => {
      server.off('error', reject)
      resolve()
    })
  }).catch((error: unknown) => {
    const where = 'path' in listen ? listen.path : `${listen.host}:${listen.port}`
    throw new PeerkeepError(
      'IO',
      `cannot listen on ${where}: ${error instanceof Error ? error.message : String(error)}. Is another program using it? Choose another with --http HOST:PORT (port 0 takes a free one).`,
      { cause: error },
    )
  })
}

async function stopListening(server: Server): Promise<void> {
  await new Promise<void>(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function addressOf(server: Server, listen: ListenAddress, tls: HttpServerOptions['tls']): string {
  if ('path' in listen) return listen.path
  const { port } = server.address() as AddressInfo
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return `${tls ? 'https' : 'http'}://${host}:${port}`
}
