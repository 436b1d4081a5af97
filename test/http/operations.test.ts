import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import type { JsonObject, JsonValue } from '../../src/base/json.ts'
import { systemClock } from '../../src/base/clock.ts'
import { PeerkeepError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import { connectToNode } from '../../src/http/client.ts'
import { operationRoutes, type RunOperation } from '../../src/http/operation-routes.ts'
import { type FindRoute, type HttpServer, openHttpServer } from '../../src/http/server.ts'
import { statusRoutes } from '../../src/http/status-routes.ts'
import type { OperationContext, OperationEvent } from '../../src/node/operation.ts'

let directory = ''
let socket = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'peerkeep-http-'))
  socket = join(directory, 'sock')
})
afterEach(() => rm(directory, { recursive: true }))

function serve(run: RunOperation): Promise<HttpServer> {
  const status = statusRoutes(async () => ({ device: '<laptop>' }))
  const operations = operationRoutes(run)
  const find: FindRoute = (method, path) => status(method, path) ?? operations(method, path)
  return openHttpServer({ path: socket }, find, { log: silentLog, clock: systemClock })
}

interface Heard {
  readonly events: OperationEvent[]
  readonly context: OperationContext
}

function listen(signal = new AbortController().signal, answer = true): Heard {
  const events: OperationEvent[] = []
  const context: OperationContext = {
    signal,
    emit: async event => void events.push(event),
    confirm: async () => answer,
  }
  return { events, context }
}

async function call(name: string, args: JsonObject, heard: Heard): Promise<JsonValue> {
  const run = await connectToNode(socket)
  assert.ok(run)
  return run(name, args, heard.context)
}

test('no server is no node', async () => {
  assert.equal(await connectToNode(socket), undefined)
})

test('events, bytes, questions and the result arrive as they were sent', async () => {
  const bytes = Buffer.alloc(700_000, 'é')
  await using _server = await serve(async (name, args, { emit, confirm }) => {
    await emit({ type: 'item', value: { name, args } })
    await emit({ type: 'bytes', bytes })
    await emit({ type: 'problem', subject: 'a\nb', reason: 'gone' })
    return { agreed: await confirm('really?') }
  })
  const heard = listen()
  assert.deepEqual(await call('try', { a: [1, null] }, heard), { agreed: true })
  const pieces = heard.events.flatMap(event => (event.type === 'bytes' ? [event.bytes] : []))
  assert.deepEqual(Buffer.concat(pieces), bytes)
  assert.deepEqual(heard.events[0], {
    type: 'item',
    value: { name: 'try', args: { a: [1, null] } },
  })
  assert.deepEqual(heard.events.at(-1), { type: 'problem', subject: 'a\nb', reason: 'gone' })
})

test('an error keeps its code, its message and its details', async () => {
  await using _server = await serve(async () => {
    throw new PeerkeepError('NOT_FOUND', 'no such thing', { details: { ref: 'x' } })
  })
  const error = { code: 'NOT_FOUND', message: 'no such thing', details: { ref: 'x' } }
  await assert.rejects(call('try', {}, listen()), error)
})

test('a command that goes away aborts what it asked for', async () => {
  const aborted = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  await using _server = await serve(async (_name, _args, { signal }) => {
    signal.addEventListener('abort', () => aborted.resolve())
    started.resolve()
    await aborted.promise
    return null
  })
  const controller = new AbortController()
  const calling = call('try', {}, listen(controller.signal))
  await started.promise
  controller.abort(new PeerkeepError('ABORTED', 'stopped'))
  await assert.rejects(calling, { code: 'ABORTED' })
  await aborted.promise
})

test('a node that stops in the middle is said to have stopped', async () => {
  const started = Promise.withResolvers<void>()
  const server = await serve(async (_name, _args, { signal }) => {
    started.resolve()
    await once(signal, 'abort')
    return null
  })
  const calling = call('try', {}, listen())
  const outcome = assert.rejects(calling, /stopped before it was done/)
  await started.promise
  await server.close()
  await outcome
})

test('malformed requests get one clear answer, and the server stays', async () => {
  await using server = await serve(async () => null)
  for (const body of ['', '[]', '{', 'null', '"x"', `{"a":"${'x'.repeat(2_000_000)}"}`]) {
    const outgoing = request({
      socketPath: server.address,
      path: '/api/1/operations/try',
      method: 'POST',
      agent: false,
    })
    outgoing.on('error', () => undefined)
    outgoing.end(body)
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    response.resume()
    assert.ok(
      response.statusCode === 400 || response.statusCode === 413,
      String(response.statusCode),
    )
  }
  assert.equal(await call('try', {}, listen()), null)
})
