import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { REQUEST_TIMEOUT_MS, REQUESTS_MAX } from './limits.ts'
import { sendError } from './respond.ts'

/** One answer of the server: writes the whole response, or rejects with a PeerkeepError before it. */
export type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export type FindRoute = (method: string, path: string) => Route | undefined

export type ListenAddress =
  /** A unix socket, that only this user can reach: its directory is 0700. */
  | { readonly path: string }
  /** A TCP port; 0 takes a free one. */
  | { readonly host: string; readonly port: number }

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:3179`, or the path of the socket. */
  readonly address: string
  /** Stops listening, ends open requests, and resolves when all are gone. */
  close(): Promise<void>
}

/** Serves `findRoute` until closed. Rejects with `IO` when the address is not to be had. */
export async function openHttpServer(
  listen: ListenAddress,
  findRoute: FindRoute,
  log: Log,
): Promise<HttpServer> {
  let running = 0
  const server = createServer((request, response) => {
    running += 1
    response.on('close', () => (running -= 1))
    void answer(request, response, running > REQUESTS_MAX ? busy : findRoute).catch(
      (error: unknown) => log.warn('http request failed', { reason: String(error) }),
    )
  })
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.headersTimeout = REQUEST_TIMEOUT_MS
  await startListening(server, listen)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= stopListening(server))
  return { address: addressOf(server, listen), close, [Symbol.asyncDispose]: close }
}

const busy: FindRoute = () => () => {
  throw new PeerkeepError('REFUSED', 'too many requests at a time; try again')
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  findRoute: FindRoute,
): Promise<void> {
  try {
    const path = new URL(request.url ?? '/', 'http://node').pathname
    const route = findRoute(request.method ?? 'GET', path)
    if (!route) throw new PeerkeepError('NOT_FOUND', `there is nothing at ${path}`)
    await route(request, response)
  } catch (error) {
    if (response.headersSent) response.destroy()
    else sendError(response, error)
    if (!isPeerkeepError(error)) throw error
  }
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

function addressOf(server: Server, listen: ListenAddress): string {
  if ('path' in listen) return listen.path
  const { port } = server.address() as AddressInfo
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return `http://${host}:${port}`
}
