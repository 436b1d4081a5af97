import { type IncomingMessage, request } from 'node:http'

import { PeerkeepError, systemCode } from '../base/errors.ts'
import type { OperationContext } from '../node/operation.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { decodeEventLine, type EventLine, readLines } from './event-lines.ts'
import type { RunOperation } from './operation-routes.ts'

/**
 * The node that listens on `socketPath`, as something that runs operations; undefined when no node
 * does. Aborting the context's signal hangs up, which aborts the operation in the node.
 */
export async function connectToNode(socketPath: string): Promise<RunOperation | undefined> {
  try {
    const response = await send({ socketPath, path: '/api/1/status', method: 'GET' })
    response.resume()
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined
    throw new PeerkeepError('IO', `cannot reach the running node at ${socketPath}`, {
      cause: error,
    })
  }
  return (name, args, context) => runRemotely(socketPath, name, { args, context })
}

interface RemoteCall {
  readonly args: JsonObject
  readonly context: OperationContext
}

async function runRemotely(socketPath: string, name: string, call: RemoteCall): Promise<JsonValue> {
  const { args, context } = call
  const path = `/api/1/operations/${name}`
  const target: Target = { socketPath, path, method: 'POST', signal: context.signal }
  try {
    const response = await send(target, JSON.stringify(args))
    for await (const line of readLines(response as AsyncIterable<Uint8Array>)) {
      const result = await handle(decodeEventLine(line), socketPath, context)
      if (result !== undefined) return result.value
    }
  } catch (error) {
    context.signal.throwIfAborted()
    if (systemCode(error) !== 'ECONNRESET') throw error
  }
  throw new PeerkeepError('IO', 'the running node stopped before it was done')
}

async function handle(
  event: EventLine,
  socketPath: string,
  context: OperationContext,
): Promise<{ value: JsonValue } | undefined> {
  switch (event.type) {
    case 'result':
      return { value: event.value }
    case 'error':
      throw event.error
    case 'question': {
      const answer = await context.confirm(event.text)
      const path = `/api/1/answers/${event.id}`
      const response = await send({ socketPath, path, method: 'POST' }, JSON.stringify({ answer }))
      response.resume()
      return undefined
    }
    case 'item':
    case 'bytes':
    case 'progress':
    case 'note':
    case 'problem':
      await context.emit(event)
      return undefined
  }
}

interface Target {
  readonly socketPath: string
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly signal?: AbortSignal
}

function send(target: Target, body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...target, agent: false }, resolve)
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
