import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

import type { Signer } from '../schema/signer.ts'
import { formatTime } from '../schema/time.ts'
import { queryOf } from './respond.ts'
import type { Route } from './server.ts'
import { signingOf } from './sighelper.ts'

/** Where Perkeep's handlers are: the prefixes that a Perkeep server has by default, so that old client settings hold. */
export const roots = {
  blobs: '/bs/',
  sign: '/sighelper/',
  search: '/my-search/',
  share: '/share/',
  status: '/status/',
  sync: '/sync/',
  ui: '/ui/',
  download: '/ui/download/',
  tree: '/ui/tree/',
  thumbnail: '/ui/thumbnail/',
} as const

/** Other names of the blob handlers: Perkeep's blobRoot, its index as a store, and both as one. */
export const blobRoots: readonly string[] = [
  roots.blobs,
  '/bs-and-maybe-also-index/',
  '/bs-and-index/',
  '/index/',
]

interface DiscoveryParts {
  readonly device: Signer
  /** Name of the owner as Perkeep's clients show it. */
  readonly ownerName: string
  /** Text that changes when the store may have lost blobs: clients forget then what they know to be here. */
  readonly generation: () => string
  /** Since when the store is. */
  readonly since: bigint
  /** The token that a client with all rights is told; undefined for others. */
  readonly authToken: (request: IncomingMessage) => Promise<string | undefined>
}

/** True for a request that asks where Perkeep's handlers are. */
export function asksForDiscovery(request: IncomingMessage): boolean {
  return (
    request.headers.accept === 'text/x-camli-configuration' ||
    queryOf(request).get('camli.mode') === 'config'
  )
}

/** Perkeep's discovery: where which handler is. All are paths of this server. */
export function discoveryRoute(parts: DiscoveryParts): Route {
  return async (request, response) => {
    const found = {
      blobRoot: roots.blobs,
      jsonSignRoot: roots.sign,
      helpRoot: '',
      importerRoot: '',
      searchRoot: roots.search,
      statusRoot: roots.status,
      shareRoot: roots.share,
      ownerName: parts.ownerName,
      userName: '',
      storageGeneration: hash('sha1', parts.generation(), 'hex'),
      storageInitTime: formatTime(parts.since),
      thumbVersion: '2',
      authToken: (await parts.authToken(request)) ?? '',
      hasLegacySHA1Index: false,
      syncHandlers: [{ from: roots.blobs, to: '/index/', toIndex: true }],
      signing: signingOf(roots.sign, parts.device),
      uiRoot: roots.ui,
      uploadHelper: `${roots.ui}?camli.mode=uploadhelper`,
      directoryHelper: roots.tree,
      downloadHelper: roots.download,
      publishRoots: {},
      mapClustering: false,
      importShare: '',
    }
    const body = Buffer.from(JSON.stringify(found, null, 2))
    // Exactly this type: Perkeep's client takes no other.
    response.writeHead(200, { 'content-type': 'text/javascript', 'content-length': body.length })
    response.end(body)
  }
}
