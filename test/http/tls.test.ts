import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { type FindRoute, openHttpServer } from '../../src/http/server.ts'

/** Made for these tests, for 127.0.0.1 and a hundred years. */
const directory = join(import.meta.dirname, '..', 'vectors', 'peerkeep', 'tls')
const [cert, key] = ['cert.pem', 'key.pem'].map(name => readFileSync(join(directory, name)))
const find: FindRoute = () => async (_request, response) => void response.end('over TLS')
const options = { log: silentLog, clock: systemClock }

test('with a certificate everything goes over TLS', async () => {
  assert.ok(cert && key)
  const listen = { host: '127.0.0.1', port: 0 }
  await using server = await openHttpServer(listen, find, { ...options, tls: { cert, key } })
  assert.match(server.address, /^https:/)
  const outgoing = request(server.address, { ca: cert, agent: false }).end()
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  assert.equal(Buffer.concat(await answer.toArray()).toString(), 'over TLS')
})

test('a key that does not belong to it is refused with what to do', async () => {
  assert.ok(cert)
  const wrong = { cert, key: Buffer.from('no key') }
  await assert.rejects(
    openHttpServer({ host: '127.0.0.1', port: 0 }, find, { ...options, tls: wrong }),
    { code: 'BAD_CONFIG', message: /httpsKey/ },
  )
})
