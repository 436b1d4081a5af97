import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { openListeners } from '../../src/base/listeners.ts'
import { silentLog } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openHttpStore } from '../../src/blob/http-store.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobStore } from '../../src/blob/store.ts'
import { openBlobArrivals } from '../../src/http/blob-arrivals.ts'
import { enumerateRoute } from '../../src/http/blob-enumerate.ts'
import { blobRoute } from '../../src/http/blob-get.ts'
import { blobsOf, statRoute } from '../../src/http/blob-stat.ts'
import { uploadRoutes } from '../../src/http/blob-upload.ts'
import { readForm, sendPerkeepJson } from '../../src/http/respond.ts'
import { type HttpServer, openHttpServer, type Route } from '../../src/http/server.ts'
import { blobStoreSuite } from '../contract/blob-store.ts'

const system = { clock: systemClock, random: systemRandom, log: silentLog }

/** The blob protocol over a store in memory, each under a path of its own; removal removes. */
async function serveStores(): Promise<HttpServer & { add(): string }> {
  const stores = new Map<string, BlobStore>()
  const arrivals = openBlobArrivals(openListeners<[ref: BlobRef]>().add, systemClock)
  const routeOf = (store: BlobStore, method: string, rest: string): Route | undefined => {
    const uploads = uploadRoutes({
      door: openDoor(store, () => undefined),
      note: async () => undefined,
      onReceived: () => undefined,
      vivify: async () => undefined,
    })
    const remove: Route = async (request, response) => {
      const removed = blobsOf(await readForm(request))
      await store.remove(removed)
      sendPerkeepJson(response, { removed, error: '' })
    }
    const routes: Readonly<Record<string, Route>> = {
      'POST stat': statRoute(store, arrivals),
      'GET enumerate-blobs': enumerateRoute(store, arrivals),
      'POST upload': uploads.batch,
      'POST remove': remove,
    }
    return routes[`${method} ${rest}`] ?? blobRoute(store, systemRandom)(rest)
  }
  const find = (method: string, path: string): Route | undefined => {
    const [, name = '', rest = ''] = /^\/(\d+)\/camli\/(.+)$/.exec(path) ?? []
    const store = stores.get(name)
    return store && routeOf(store, method, rest)
  }
  const server = await openHttpServer({ host: '127.0.0.1', port: 0 }, find, system)
  return {
    ...server,
    add() {
      const name = String(stores.size)
      stores.set(name, openMemoryStore({ classify: () => 'data' }))
      return `${server.address}/${name}`
    },
  }
}

let servers: HttpServer & { add(): string }
before(async () => {
  servers = await serveStores()
})
after(() => servers.close())

blobStoreSuite('a server', () => openHttpStore({ ...system, url: servers.add() }))

const content = Buffer.from('content')
const ref = refOf(content)

/** A server whose answers the test says; what it was asked is counted. */
async function serving(
  answer: (path: string, turn: number) => readonly [status: number, body: string],
): Promise<HttpServer> {
  let turn = 0
  const find = (_method: string, path: string): Route => {
    return async (request, response) => {
      for await (const _ of request) continue
      const [status, body] = answer(path, turn++)
      response.writeHead(status, { 'content-type': 'text/javascript' })
      response.end(body)
    }
  }
  return openHttpServer({ host: '127.0.0.1', port: 0 }, find, system)
}

/** Pauses are over at once. */
const hasty = {
  ...system,
  clock: { ...systemClock, after: (_ms: number, act: () => void) => systemClock.after(0, act) },
}

describe('a server that is busy, lies, or is none', () => {
  test('one that fails for a while is asked again', async () => {
    await using server = await serving((_path, turn) =>
      turn < 2 ? [503, 'busy'] : [200, 'content'],
    )
    await using store = await openHttpStore({ ...hasty, url: `${server.address}/bs/` })
    assert.deepEqual(await store.fetch(ref), content)
  })

  const refusals: readonly (readonly [
    name: string,
    answer: readonly [number, string],
    ask: (store: BlobStore) => Promise<unknown>,
    code: string,
  ])[] = [
    ['other bytes', [200, 'forged'], store => store.fetch(ref), 'BLOB_DAMAGED'],
    ['busy for good', [503, 'busy'], store => store.fetch(ref), 'STORE_UNREACHABLE'],
    ['no right', [401, ''], store => store.fetch(ref), 'STORE_REFUSED'],
    ['a page', [200, '<html>'], store => store.stat([ref]), 'BAD_FRAME'],
    [
      'a listing in no order',
      [
        200,
        JSON.stringify({
          blobs: [
            { blobRef: refOf(Buffer.from('x')), size: 1 },
            { blobRef: `sha1-${'0'.repeat(40)}`, size: 1 },
          ],
        }),
      ],
      store => Array.fromAsync(store.enumerate()),
      'BAD_FRAME',
    ],
    [
      'a size that is none',
      [200, JSON.stringify({ blobs: [{ blobRef: ref, size: -1 }] })],
      store => Array.fromAsync(store.enumerate()),
      'BAD_FRAME',
    ],
    [
      'an upload that was not taken',
      [200, JSON.stringify({ stat: [], received: [], errorText: 'disk is full' })],
      store => openDoor(store, () => undefined).receive(content),
      'IO',
    ],
    [
      'an upload of another size',
      [200, JSON.stringify({ stat: [], received: [{ blobRef: ref, size: 3 }] })],
      store => openDoor(store, () => undefined).receive(content),
      'IO',
    ],
    ['a removal that is not offered', [403, '{}'], store => store.remove([ref]), 'REFUSED'],
  ]
  for (const [name, answer, ask, code] of refusals) {
    test(name, async () => {
      await using server = await serving(() => answer)
      await using store = await openHttpStore({ ...hasty, url: `${server.address}/bs/` })
      await assert.rejects(ask(store), { code })
    })
  }

  test('a page that names no place for blobs', async () => {
    await using server = await serving(() => [200, '{}'])
    await assert.rejects(openHttpStore({ ...hasty, url: server.address }), { code: 'BAD_USAGE' })
  })
})
