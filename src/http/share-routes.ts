import type { IncomingMessage, ServerResponse } from 'node:http'

import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { Node } from '../node/node.ts'
import type { ShareClaim } from '../schema/schema-blob.ts'
import { openAtOnce } from './at-once.ts'
import { blobRoute } from './blob-get.ts'
import { roots } from './discovery.ts'
import { downloadRoute } from './file-download.ts'
import type { Gate } from './gate.ts'
import { goneSignal } from './gone-signal.ts'
import { SHARE_LINKS_MAX, SHARE_REFUSAL_MS, SHARES_MAX } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { queryOf, sendText } from './respond.ts'
import type { FindRoute, Route } from './server.ts'
import { fetchIfSchema, openedBy } from './share-chain.ts'

interface ShareParts {
  readonly node: Node
  readonly gate: Pick<Gate, 'hold'>
  readonly metrics: Metrics
}

/** Perkeep's answer to whoever may not. */
const REFUSAL = '<html><body><h1>Unauthorized</h1>'

/**
 * Perkeep's share handler: blobs for whoever has the ref of a share, and names the way from there to the blob. It asks
 * for no password and guards against no other page: the answer is the same for everybody.
 */
export function shareRoutes({ node, gate, metrics }: ShareParts): FindRoute {
  const served = serveShared(node, gate)
  return (method, path) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined
    if (!path.startsWith(roots.share)) return undefined
    const text = path.slice(roots.share.length)
    return metrics.counted('share', async (request, response) => {
      response.setHeader('access-control-allow-origin', '*')
      const chain = chainOf(request, text)
      if (chain) await served(chain)(request, response)
      else sendText(response, 'Malformed share URL.', 400)
    })
  }
}

/** From the share to the blob; undefined for what is malformed, or longer than may be. */
function chainOf(request: IncomingMessage, text: string): readonly BlobRef[] | undefined {
  const via = queryOf(request).get('via') ?? ''
  const texts = [...(via === '' ? [] : via.split(',', SHARE_LINKS_MAX)), text]
  const chain = texts.filter(isBlobRef)
  return chain.length === texts.length && chain.length <= SHARE_LINKS_MAX ? chain : undefined
}

type Find = (chain: readonly BlobRef[], isWhole: boolean) => Promise<Route | undefined>

function serveShared(node: Node, gate: Pick<Gate, 'hold'>): (chain: readonly BlobRef[]) => Route {
  const { clock } = node.system
  const find = openFinder(node)
  const atOnce = openAtOnce(SHARES_MAX, 'requests for shares')
  return chain => async (request, response) => {
    const begin = clock.monotonic()
    const isWhole = queryOf(request).get('assemble') === '1'
    let isFound = false
    await atOnce(async () => {
      const route = await find(chain, isWhole)
      if (!route) return
      isFound = true
      // Else a browser would show what is no longer shared: a blob's date is years ago.
      response.setHeader('cache-control', 'no-cache')
      await route(request, response)
    })(request, response)
    if (isFound) return
    // As many wait as there are connections, on each of which one request is worked on.
    const left = SHARE_REFUSAL_MS - (clock.monotonic() - begin)
    if (left > 0) await gate.hold(left, goneSignal(response))
    refuse(response)
  }
}

/** Finds what answers a request that a share allows. */
function openFinder(node: Node): Find {
  const { store, system } = node
  const fetch = (ref: BlobRef): Promise<Uint8Array | undefined> => store.fetch(ref)
  const blob = blobRoute(store, system.random)
  const mediaType = async (ref: BlobRef): Promise<string | undefined> =>
    (await node.index.facts(ref))?.mediaType
  const download = downloadRoute({ ...system, fetch, mediaType, isShared: true })

  async function openingShare(chain: readonly BlobRef[]): Promise<ShareClaim | undefined> {
    // What was deleted a moment ago, or while the index was being built, is not shared.
    await node.index.catchUp()
    return openedBy(
      { store, share: ref => node.index.share(ref), now: () => system.clock.now() },
      chain,
    )
  }

  return async (chain, isWhole) => {
    const share = await openingShare(chain)
    const wanted = chain.at(-1)
    if (!share || wanted === undefined) return undefined
    if (!isWhole) {
      const [size] = await store.stat([wanted])
      return size === undefined ? undefined : blob(wanted)
    }
    if (!share.transitive || chain.length === 1) return undefined
    const schema = await fetchIfSchema(store, wanted)
    return schema?.type === 'file' ? download(wanted) : undefined
  }
}

function refuse(response: ServerResponse): void {
  response.writeHead(401, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': REFUSAL.length,
    'www-authenticate': 'Basic realm=""',
  })
  response.end(REFUSAL)
}
