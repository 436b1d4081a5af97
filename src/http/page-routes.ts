import type { JsonValue } from '../base/json.ts'
import { deviceName } from '../node/device-name.ts'
import type { Node } from '../node/node.ts'
import { asksForDiscovery, discoveryRoute, roots } from './discovery.ts'
import { type Gate, requireOwnOrigin } from './gate.ts'
import type { Metrics } from './metrics.ts'
import { perkeepStatusRoute } from './perkeep-status.ts'
import { sendJson } from './respond.ts'
import type { FindRoute, Route } from './server.ts'
import { statusRoutes } from './status-routes.ts'
import { syncRoutes } from './sync-page.ts'

interface PageParts {
  readonly node: Node
  readonly gate: Gate
  readonly metrics: Metrics
  readonly version: string
  readonly status: () => Promise<JsonValue>
  /** What the config becomes, with every part. */
  readonly lowLevelConfig: () => Promise<JsonValue>
}

/** What a person, Prometheus, or a Perkeep client that finds its way looks at. */
export function pageRoutes(parts: PageParts): FindRoute {
  const { node, gate, metrics, version } = parts
  const discovery = gate.guard('discovery', discoveryOf(node, gate))
  const status = statusRoutes(parts.status)
  const sync = syncRoutes({
    log: node.store,
    index: () => node.index,
    random: node.system.random,
    messages: node.system.log,
  })
  const perkeepStatus = perkeepStatusRoute({
    version,
    now: () => node.system.clock.now(),
    peers: () =>
      (node.network?.peers() ?? []).map(peer => ({
        ...peer,
        name: deviceName(node.index, peer.keyId),
      })),
  })
  const fixed: Readonly<Record<string, Route>> = {
    'GET /': discoveryOr(discovery, ownPage(gate, status('GET', '/'))),
    [`GET ${roots.ui}`]: discoveryOr(discovery, ownPage(gate, status('GET', '/'))),
    'GET /api/1/status': ownPage(gate, status('GET', '/api/1/status')),
    'GET /metrics': gate.guard('all', metrics.route),
    'GET /debug/config': gate.guard('all', async (_request, response) =>
      sendJson(response, await parts.lowLevelConfig()),
    ),
    [`GET ${roots.status}status.json`]: gate.guard('all', perkeepStatus),
    [`GET ${roots.sync}`]: gate.guard('all', sync.show),
    [`POST ${roots.sync}`]: gate.guard('all', sync.validate),
  }
  return (method, path) => {
    const name = `${method === 'HEAD' ? 'GET' : method} ${path}`
    const route = Object.hasOwn(fixed, name) ? fixed[name] : undefined
    return route && metrics.counted('page', route)
  }
}

/** Any GET may ask for discovery instead of the page. */
function discoveryOr(discovery: Route, page: Route): Route {
  return (request, response) =>
    asksForDiscovery(request) ? discovery(request, response) : page(request, response)
}

/** How the node is: for whoever is on this machine while no password is set, and then for those who have it. */
function ownPage(gate: Gate, route: Route | undefined): Route {
  const shown: Route = route ?? (async () => undefined)
  if (!gate.isOpen) return gate.guard('all', shown)
  return async (request, response) => {
    requireOwnOrigin(request, true)
    await shown(request, response)
  }
}

function discoveryOf(node: Node, gate: Gate): Route {
  const here = node.index.trust.devices().find(({ keyId }) => keyId === node.device.keyId)
  return discoveryRoute({
    device: node.device,
    ownerName: deviceName(node.index, node.device.keyId),
    generation: node.store.lossMark,
    since: here?.since ?? 0n,
    async authToken(request) {
      const rights = await gate.rightsOf(request)
      return rights.has('all') ? gate.authToken : undefined
    },
  })
}
