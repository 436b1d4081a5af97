import type { JsonObject, JsonValue } from '../base/json.ts'
import type { PeerState } from '../node/network.ts'
import { roots } from './discovery.ts'
import { sendPerkeepJson } from './respond.ts'
import type { Route } from './server.ts'

interface StatusParts {
  readonly version: string
  /** The other devices, with their names. */
  readonly peers: () => readonly (PeerState & { readonly name: string })[]
  /** Milliseconds since 1970, now. */
  readonly now: () => number
}

/**
 * Perkeep's status.json: where blobs are kept, and which way they are copied by themselves: into the index, and from
 * each other device.
 */
export function perkeepStatusRoute({ version, peers, now }: StatusParts): Route {
  return async (_request, response) => {
    sendPerkeepJson(response, {
      version,
      goInfo: `node ${process.version}`,
      sync: Object.fromEntries([
        [roots.sync, indexSync()],
        ...peers().map(peer => [
          `/sync-from-${encodeURIComponent(peer.name)}/`,
          peerSync(peer, now()),
        ]),
      ]) as JsonObject,
      storage: {
        [roots.blobs]: { primary: true, type: 'diskpacked' },
        '/index/': { isIndex: true, type: 'index' },
      },
      importerAccounts: null,
    })
  }
}

/** The index is asked only for what it has taken in. */
function indexSync(): JsonValue {
  return {
    from: roots.blobs,
    fromDesc: 'packs on disk',
    to: '/index/',
    toDesc: 'index in Level',
    destIsIndex: true,
    blobsToCopy: 0,
    bytesToCopy: 0,
    lastCopySecondsAgo: 0,
  }
}

function peerSync(peer: PeerState & { readonly name: string }, now: number): JsonValue {
  return {
    from: `peer:${peer.name}`,
    fromDesc: peer.isConnected ? 'another device' : 'another device, not connected',
    to: roots.blobs,
    toDesc: 'packs on disk',
    blobsToCopy: peer.behind,
    bytesToCopy: 0,
    lastCopySecondsAgo:
      peer.lastInSync === undefined ? -1 : Math.max(0, Math.round((now - peer.lastInSync) / 1000)),
  }
}
