import type { JsonValue } from '../base/json.ts'
import type { PeerState } from '../node/network.ts'
import type { Node } from '../node/node.ts'
import { fileRoutes } from './file-routes.ts'
import type { Gate } from './gate.ts'
import { openMetrics } from './metrics.ts'
import { pageRoutes } from './page-routes.ts'
import { blobRoutes, signRoutes } from './perkeep-routes.ts'
import { searchRoutes } from './search-routes.ts'
import type { FindRoute } from './server.ts'
import { shareRoutes } from './share-routes.ts'

interface NodeRoutesParts {
  readonly node: Node
  readonly gate: Gate
  readonly version: string
  readonly status: () => Promise<JsonValue>
  readonly lowLevelConfig: () => Promise<JsonValue>
}

/** Everything that a node serves over TCP. Each route asks the gate first, but for shares: whoever has the link may. */
export function openNodeRoutes(parts: NodeRoutesParts): FindRoute {
  const metrics = openMetrics({ clock: parts.node.system.clock, gauges: gaugesOf(parts.node) })
  const all = { ...parts, metrics }
  const finders = [
    blobRoutes(all),
    signRoutes(all),
    fileRoutes(all),
    searchRoutes(all),
    shareRoutes(all),
    pageRoutes(all),
  ]
  return (method, path) => {
    for (const find of finders) {
      const route = find(method, path)
      if (route) return route
    }
    return undefined
  }
}

/** What the owner's other devices are served over the line between them: the blobs, all of them. */
export function openDeviceRoutes(node: Node): FindRoute {
  const gate: Pick<Gate, 'guard'> = { guard: (_needed, route) => route }
  return blobRoutes({ node, gate, metrics: openMetrics({ clock: node.system.clock, gauges: {} }) })
}

function gaugesOf(node: Node): Parameters<typeof openMetrics>[0]['gauges'] {
  const { paths, system } = node
  const peers = (): readonly PeerState[] => node.network?.peers() ?? []
  return {
    peerkeep_claims: {
      help: 'claims in the index',
      value: async () => (await node.index.counts()).claims,
    },
    peerkeep_missing_blobs: {
      help: 'blobs that are needed here and not here',
      value: async () => (await node.index.counts()).missing,
    },
    peerkeep_free_bytes: {
      help: 'bytes free on the disk of the home',
      value: async () => (await system.files.freeSpace(paths.directory)).free,
    },
    peerkeep_peers_connected: {
      help: 'other devices connected',
      value: async () => peers().filter(({ isConnected }) => isConnected).length,
    },
    peerkeep_peers: { help: 'other devices', value: async () => peers().length },
    peerkeep_resident_bytes: {
      help: 'memory of the process',
      value: async () => process.memoryUsage.rss(),
    },
  }
}
