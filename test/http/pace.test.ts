import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { CONNECTIONS_MAX, PACE_CHECK_MS, PACE_MISSES_MAX } from '../../src/http/limits.ts'
import { bodyOf } from '../../src/http/respond.ts'
import { type FindRoute, type HttpServer, openHttpServer } from '../../src/http/server.ts'
import { openSimClock, type SimClock } from '../sim/sim-clock.ts'

interface Paced extends AsyncDisposable {
  readonly server: HttpServer
  readonly clock: SimClock
  readonly port: number
  /** Resolves when the server has taken up a request on a path. */
  begun(path: string): Promise<void>
}

async function servePaced(): Promise<Paced> {
  const clock = openSimClock()
  const waiting = new Map<string, () => void>()
  const find: FindRoute = (_method, path) => async (req, response) => {
    waiting.get(path)?.()
    if (path === '/large') {
      response.end(Buffer.alloc(64 * 1024 * 1024))
      return
    }
    if (path === '/wait') {
      await once(response, 'close')
      return
    }
    let size = 0
    for await (const chunk of bodyOf(req)) size += chunk.length
    response.end(String(size))
  }
  const server = await openHttpServer({ host: '127.0.0.1', port: 0 }, find, {
    log: silentLog,
    clock,
  })
  return {
    server,
    clock,
    port: Number(new URL(server.address).port),
    begun: path => new Promise(resolve => waiting.set(path, resolve)),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

const dial = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

const closed = (socket: Socket): Promise<unknown> =>
  new Promise(resolve => socket.once('close', resolve))

async function letPass({ clock }: Paced): Promise<void> {
  for (let look = 0; look <= PACE_MISSES_MAX; look += 1) await clock.advance(PACE_CHECK_MS)
}

test('who stops sending, or reading, in the middle is cut off; who waits for an answer is not', async () => {
  await using paced = await servePaced()
  const [sending, reading, waiting] = await Promise.all([1, 2, 3].map(() => dial(paced.port)))
  assert.ok(sending && reading && waiting)
  const begun = ['/send', '/large', '/wait'].map(path => paced.begun(path))
  reading.pause()
  sending.write('POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome')
  reading.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
  waiting.write('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n')
  await Promise.all(begun)
  const cut = [closed(sending), closed(reading)]
  sending.resume()
  let isWaitingCut = false
  void closed(waiting).then(() => (isWaitingCut = true))
  await letPass(paced)
  // One that does not read does not hear of its end either, until it does.
  reading.resume()
  await Promise.all(cut)
  assert.equal(isWaitingCut, false)
  waiting.destroy()
})

test('who sends slowly but steadily is not cut off', async () => {
  await using paced = await servePaced()
  const begun = paced.begun('/send')
  const outgoing = request({
    host: '127.0.0.1',
    port: paced.port,
    path: '/send',
    method: 'POST',
    agent: false,
  })
  outgoing.setHeader('content-length', 10 * 9000)
  outgoing.flushHeaders()
  await begun
  for (let piece = 0; piece < 9; piece += 1) {
    await new Promise(resolve => outgoing.write(Buffer.alloc(9000), resolve))
    // The bytes are on their way through the kernel; virtual time waits for them.
    await paced.clock.advance(0)
    for (let turn = 0; turn < 20; turn += 1) await paced.clock.advance(0)
    await paced.clock.advance(PACE_CHECK_MS)
  }
  outgoing.end(Buffer.alloc(9000))
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  assert.equal(Buffer.concat(await answer.toArray()).toString(), String(10 * 9000))
})

for (const isAsking of [false, true]) {
  test(`a house full of ${isAsking ? 'slow' : 'silent'} ones has room for who comes next`, async () => {
    await using paced = await servePaced()
    const begun = paced.begun('/send')
    const others = await Promise.all(
      Array.from({ length: CONNECTIONS_MAX }, () => dial(paced.port)),
    )
    if (isAsking) {
      const head = 'POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome'
      for (const socket of others) socket.write(head)
      await begun
      await paced.clock.advance(PACE_CHECK_MS)
    }
    const newcomer = await dial(paced.port)
    newcomer.write('POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok')
    const [answer] = (await once(newcomer, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200/)
    for (const socket of [...others, newcomer]) socket.destroy()
  })
}
