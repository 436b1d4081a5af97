import type { BlobRef } from '../blob/ref.ts'
import { vivifyFiles } from '../node/vivify.ts'
import { openBlobArrivals } from './blob-arrivals.ts'
import { enumerateRoute } from './blob-enumerate.ts'
import { blobRoute } from './blob-get.ts'
import { removeRoute } from './blob-remove.ts'
import { statRoute } from './blob-stat.ts'
import { type UploadRoutes, uploadRoutes } from './blob-upload.ts'
import { blobRoots, roots } from './discovery.ts'
import type { Gate } from './gate.ts'
import type { Metrics } from './metrics.ts'
import { sendText } from './respond.ts'
import type { FindRoute, Route } from './server.ts'
import { publicKeyRoute, signDiscoveryRoute, signRoute, verifyRoute } from './sighelper.ts'
import type { Node } from '../node/node.ts'
import { type Right } from '../node/auth-methods.ts'

interface PerkeepParts {
  readonly node: Node
  readonly gate: Pick<Gate, 'guard'>
  readonly metrics: Metrics
}

/** A route by the rest of its path. */
type RouteOf = (rest: string) => Route

/** Perkeep's blob protocol, under each of the names that its root has. */
export function blobRoutes({ node, gate, metrics }: PerkeepParts): FindRoute {
  const { store, condemned, system, door } = node
  const arrivals = openBlobArrivals(node.onBlob, system.clock)
  const visible = { ...condemned.visible, fetch: (ref: BlobRef) => store.fetch(ref) }
  const uploads: UploadRoutes = uploadRoutes({
    door,
    note: node.loose.note,
    onReceived: metrics.received,
    vivify: refs => vivifyFiles(node, refs),
  })
  const get = blobRoute(store, system.random)
  const stat = statRoute(visible, arrivals)
  const guarded = (kind: string, right: Right, route: Route): Route =>
    metrics.counted(kind, gate.guard(right, route))
  const fixed: Readonly<Record<string, Route>> = {
    'POST stat': guarded('stat', 'stat', stat),
    'GET stat': guarded('stat', 'stat', stat),
    'HEAD stat': guarded('stat', 'stat', stat),
    'GET enumerate-blobs': guarded('enumerate', 'enumerate', enumerateRoute(visible, arrivals)),
    'POST upload': guarded('upload', 'upload', uploads.batch),
    'POST remove': guarded('remove', 'remove', removeRoute(condemned)),
  }
  const byRef: Readonly<Record<string, RouteOf>> = {
    GET: rest => guarded('get', 'get', get(rest)),
    HEAD: rest => guarded('get', 'get', get(rest)),
    PUT: rest => guarded('upload', 'upload', uploads.put(rest)),
  }
  return (method, path) => {
    const root = blobRoots.find(prefix => path.startsWith(`${prefix}camli/`))
    if (root === undefined) return undefined
    const rest = path.slice(root.length + 'camli/'.length)
    const name = `${method} ${rest}`
    return Object.hasOwn(fixed, name) ? fixed[name] : (byRef[method]?.(rest) ?? notAllowed)
  }
}

const notAllowed: Route = async (_request, response) => {
  sendText(response, 'there is no such method here\n', 405)
}

/** Perkeep's signing handler. */
export function signRoutes({ node, gate, metrics }: PerkeepParts): FindRoute {
  const { device, store, claims } = node
  const root = roots.sign
  const guarded = (right: Right, route: Route): Route =>
    metrics.counted('sign', gate.guard(right, route))
  const fixed: Readonly<Record<string, Route>> = {
    [`GET ${root}camli/sig/discovery`]: guarded('discovery', signDiscoveryRoute(root, device)),
    [`POST ${root}camli/sig/sign`]: guarded('sign', signRoute(device, claims.requireClock)),
    [`POST ${root}camli/sig/verify`]: guarded('sign', verifyRoute(store)),
    [`GET ${root}camli/${device.keyRef}`]: guarded('discovery', publicKeyRoute(device)),
  }
  return (method, path) => {
    const name = `${method} ${path}`
    return Object.hasOwn(fixed, name) ? fixed[name] : undefined
  }
}
