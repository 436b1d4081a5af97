import { Agent, type IncomingMessage, request as requestHttp, type RequestOptions } from 'node:http'
import { Agent as TlsAgent, request as requestHttps } from 'node:https'
import { Duplex } from 'node:stream'

import { type Clock, delay } from '../base/clock.ts'
import { asError, isPeerkeepError, PeerkeepError, systemCode } from '../base/errors.ts'
import { HTTP_ANSWER_MS, HTTP_ATTEMPTS_MAX, HTTP_CONNECTIONS_MAX, HTTP_RETRY_MS } from './limits.ts'

/** A request to one server. Bodies are held whole, so that they can be sent again. */
interface HttpQuestion {
  readonly method: 'GET' | 'POST'
  /** With the query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: readonly Uint8Array[]
  /** Largest answer in bytes. */
  readonly answerMax: number
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** The connections to one server, with its credentials. */
export interface HttpLine {
  /**
   * Asks, again a few times where the server was busy or the connection broke: everything asked here may be repeated.
   * Resolves for any status but 401, 403 of the credentials, and 5xx: those reject with `STORE_REFUSED` and
   * `STORE_UNREACHABLE`.
   */
  ask(question: HttpQuestion): Promise<HttpAnswer>
  close(): void
}

/** `server` may hold a name and password. `token` is sent as a bearer instead. */
export function openHttpLine(parts: {
  readonly server: URL
  readonly token: string | undefined
  readonly clock: Clock
  /** Where the connections come from; otherwise the server's address is called. */
  readonly connect?: (() => Promise<Duplex>) | undefined
}): HttpLine {
  const { server, token, clock, connect } = parts
  const isTls = server.protocol === 'https:'
  const agentOptions = { keepAlive: true, maxSockets: HTTP_CONNECTIONS_MAX }
  const agent = isTls ? new TlsAgent(agentOptions) : new Agent(agentOptions)
  if (connect) agent.createConnection = openedBy(connect)
  const closed = new AbortController()
  const credentials = `${decodeURIComponent(server.username)}:${decodeURIComponent(server.password)}`
  const authorization =
    token !== undefined
      ? { authorization: `Token ${token}` }
      : server.username === ''
        ? {}
        : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
  const target: RequestOptions = {
    protocol: server.protocol,
    hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: server.port,
    agent,
    signal: closed.signal,
    timeout: HTTP_ANSWER_MS,
  }

  async function askOnce(question: HttpQuestion): Promise<HttpAnswer> {
    const { method, path, body = [] } = question
    const length = body.reduce((sum, piece) => sum + piece.length, 0)
    const headers = {
      ...authorization,
      ...(method === 'POST' ? { 'content-length': length } : {}),
      ...question.headers,
    }
    const answer = await send(isTls, { ...target, method, path, headers }, question)
    if (answer.status === 401) throw unauthorized(server, authorization.authorization !== undefined)
    if (answer.status >= 500) {
      throw new PeerkeepError(
        'STORE_UNREACHABLE',
        `${server.origin} answers ${answer.status} to ${path.slice(0, 200)}: ${answer.body.toString('utf8', 0, 200)}`,
      )
    }
    return answer
  }

  return {
    async ask(question) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await askOnce(question)
        } catch (error) {
          if (closed.signal.aborted)
            throw new PeerkeepError(
              'CLOSED',
              `the line to ${server.origin} was used after it was closed`,
            )
          const isLasting = isPeerkeepError(error) && error.code !== 'STORE_UNREACHABLE'
          if (isLasting || attempt === HTTP_ATTEMPTS_MAX) throw reachError(server, error)
        }
        await delay(clock, HTTP_RETRY_MS * 2 ** attempt, closed.signal).catch(() => undefined)
      }
    },
    close() {
      closed.abort()
      agent.destroy()
    },
  }
}

/** A way to connect, in the form that Node's agents call. */
function openedBy(connect: () => Promise<Duplex>): Agent['createConnection'] {
  return (_options, done) => {
    connect().then(
      // oxlint-disable-next-line promise/no-callback-in-promise -- what Node's agents ask for
      stream => done?.(null, stream),
      // oxlint-disable-next-line promise/no-callback-in-promise -- as above
      (error: unknown) => done?.(asError(error), new Duplex()),
    )
    return undefined
  }
}

function send(
  isTls: boolean,
  options: RequestOptions,
  question: HttpQuestion,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = (isTls ? requestHttps : requestHttp)(options, incoming => {
      const chunks: Uint8Array[] = []
      let size = 0
      incoming.on('data', (chunk: Uint8Array) => {
        chunks.push(chunk)
        size += chunk.length
        if (size > question.answerMax) {
          incoming.destroy()
          reject(
            new PeerkeepError(
              'BAD_FRAME',
              `${options.hostname} answers more than ${question.answerMax} bytes to ${question.path.slice(0, 200)}`,
            ),
          )
        }
      })
      incoming.on('error', reject)
      incoming.on('end', () => {
        if (!incoming.complete) reject(new Error('the answer was cut off'))
        else
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks),
          })
      })
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer for ${HTTP_ANSWER_MS} ms`)))
    outgoing.on('error', reject)
    for (const piece of question.body ?? []) outgoing.write(piece)
    outgoing.end()
  })
}

function unauthorized(server: URL, hasCredentials: boolean): PeerkeepError {
  return new PeerkeepError(
    'STORE_REFUSED',
    hasCredentials
      ? `${server.origin} does not take this name and password, or token`
      : `${server.origin} wants a name and password: ${server.protocol}//USER:PASSWORD@${server.host}, or PEERKEEP_SYNC_AUTH=userpass:USER:PASSWORD or token:SECRET`,
  )
}

function reachError(server: URL, error: unknown): Error {
  if (isPeerkeepError(error)) return error
  const reason = error instanceof Error ? (systemCode(error) ?? error.message) : String(error)
  return new PeerkeepError(
    'STORE_UNREACHABLE',
    `cannot talk to ${server.origin}: ${reason}. Is it running, and is the address right?`,
    { cause: error },
  )
}
