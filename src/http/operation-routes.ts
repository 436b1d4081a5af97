import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'

import { isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import type { OperationContext, OperationEvent } from '../node/operation.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { encodeEventLine, type EventLine } from './event-lines.ts'
import { CONTENT_PIECE_BYTES } from './limits.ts'
import { readJsonBody, sendJson } from './respond.ts'
import type { FindRoute, Route } from './server.ts'

/** Runs an operation by its name: in this process, or in the running node. */
export type RunOperation = (
  name: string,
  args: JsonObject,
  context: OperationContext,
) => Promise<JsonValue>

/**
 * The routes by which commands reach a running node: `POST /api/1/operations/NAME` with the
 * arguments, answered by event lines, and `POST /api/1/answers/ID` for its questions.
 * For the socket in the home only: whoever reaches it may do everything.
 */
export function operationRoutes(run: RunOperation): FindRoute {
  const questions: Questions = new Map()
  return (method, path) => {
    if (method !== 'POST') return undefined
    const operation = /^\/api\/1\/operations\/([a-z-]+)$/.exec(path)?.[1]
    if (operation !== undefined) return runRoute(run, operation, questions)
    const question = /^\/api\/1\/answers\/([0-9]+)$/.exec(path)?.[1]
    return question === undefined ? undefined : answerRoute(question, questions)
  }
}

/** What waits for a person's answer, by the number that the question was sent under. */
type Questions = Map<string, (answer: boolean) => void>

let lastQuestion = 0

function answerRoute(id: string, questions: Questions): Route {
  return async (request, response) => {
    const { answer } = await readJsonBody(request)
    const resolve = questions.get(id)
    if (!resolve) throw new PeerkeepError('NOT_FOUND', 'that question is no longer open')
    resolve(answer === true)
    sendJson(response, {})
  }
}

function runRoute(run: RunOperation, name: string, questions: Questions): Route {
  return async (request: IncomingMessage, response: ServerResponse) => {
    const args = await readJsonBody(request)
    const gone = new AbortController()
    response.on('close', () => gone.abort(new PeerkeepError('ABORTED', 'the command went away')))
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.flushHeaders()
    const send = lineSender(response, gone.signal)
    const confirm = async (text: string): Promise<boolean> => {
      const id = String((lastQuestion += 1))
      const answered = new Promise<boolean>(resolve => {
        questions.set(id, resolve)
        gone.signal.addEventListener('abort', () => resolve(false), { once: true })
      })
      await send({ type: 'question', id, text })
      return answered.finally(() => questions.delete(id))
    }
    const context = { signal: gone.signal, confirm, emit: pieceSender(send) }
    await send(await outcome(run(name, args, context)))
    response.end()
  }
}

async function outcome(running: Promise<JsonValue>): Promise<EventLine> {
  try {
    return { type: 'result', value: await running }
  } catch (error) {
    if (isPeerkeepError(error)) return { type: 'error', error }
    const message = error instanceof Error ? error.message : String(error)
    return { type: 'error', error: new PeerkeepError('IO', message, { cause: error }) }
  }
}

type SendLine = (event: EventLine) => Promise<void>

/** Writes event lines no faster than the other side reads them. */
function lineSender(response: ServerResponse, signal: AbortSignal): SendLine {
  return async event => {
    if (signal.aborted || response.write(encodeEventLine(event))) return
    await once(response, 'drain', { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

function pieceSender(send: SendLine): (event: OperationEvent) => Promise<void> {
  return async event => {
    if (event.type !== 'bytes') return send(event)
    for (let at = 0; at < event.bytes.length; at += CONTENT_PIECE_BYTES) {
      await send({ type: 'bytes', bytes: event.bytes.subarray(at, at + CONTENT_PIECE_BYTES) })
    }
  }
}
