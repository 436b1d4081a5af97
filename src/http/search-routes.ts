import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, isBlobRef, parseBlobRef } from '../blob/ref.ts'
import type { IndexedClaim } from '../index/queries.ts'
import { readQuery } from '../index/search-read.ts'
import type { Node } from '../node/node.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import { formatTime } from '../schema/time.ts'
import { roots } from './discovery.ts'
import type { Gate } from './gate.ts'
import { goneSignal } from './gone-signal.ts'
import { DESCRIBE_REFS_MAX, FOUND_MAX } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { queryOf, readJsonBody, sendPerkeepJson } from './respond.ts'
import { describeBlobs, type Described, metaOf } from './search-describe.ts'
import { queryRoute } from './search-query.ts'
import { CHILDREN_SHOWN, countOf, describeRequestOf, timeOf } from './search-requests.ts'
import type { FindRoute, Route } from './server.ts'

interface SearchParts {
  readonly node: Node
  readonly gate: Gate
  readonly metrics: Metrics
}

/** Perkeep's search handler (PROTOCOL 11), but for its web socket. */
export function searchRoutes({ node, gate, metrics }: SearchParts): FindRoute {
  const guarded = (route: Route): Route => metrics.counted('search', gate.guard('all', route))
  const describe = guarded(describeRoute(node))
  const routes: Readonly<Record<string, Route>> = {
    'GET describe': describe,
    'POST describe': describe,
    'GET claims': guarded(claimsRoute(node)),
    'GET files': guarded(filesRoute(node)),
    'GET edgesto': guarded(edgesToRoute(node)),
    'GET permanodeattr': guarded(withAttributeRoute(node)),
    'GET signerattrvalue': guarded(signerAttributeRoute(node)),
    'GET recent': guarded(recentRoute(node)),
    'POST query': guarded(queryRoute(node)),
    'GET signerpaths': guarded(signerPathsRoute(node)),
  }
  const root = `${roots.search}camli/search/`
  return (method, path) => {
    const name = `${method} ${path.slice(root.length)}`
    return path.startsWith(root) && Object.hasOwn(routes, name) ? routes[name] : undefined
  }
}

function describeRoute(node: Node): Route {
  return async (request, response) => {
    const query = queryOf(request)
    const body: JsonObject =
      request.method === 'POST'
        ? await readJsonBody(request)
        : {
            blobrefs: query.getAll('blobref'),
            depth: Number(query.get('depth') ?? 0),
            maxDirChildren: Number(query.get('maxdirchildren') ?? 0),
            at: query.get('at'),
          }
    const described = await describeBlobs(node, describeRequestOf(body))
    sendPerkeepJson(response, { meta: metaOf(described) })
  }
}

function claimsRoute(node: Node): Route {
  return async (request, response) => {
    const query = queryOf(request)
    const permanode = parseBlobRef(query.get('permanode') ?? '')
    const attribute = query.get('attrFilter') ?? ''
    const claims: JsonValue[] = []
    for await (const claim of node.index.claims(permanode)) {
      const shown = claim.isDeleted ? undefined : await claimOf(node, permanode, claim)
      if (shown && (attribute === '' || shown['attr'] === attribute)) claims.push(shown)
    }
    sendPerkeepJson(response, { claims: claims.length > 0 ? claims : null })
  }
}

async function claimOf(
  node: Node,
  permanode: BlobRef,
  { ref, date, body }: IndexedClaim,
): Promise<JsonObject | undefined> {
  if (!('attribute' in body)) return undefined
  return {
    blobref: ref,
    signer: (await signerOf(node, ref)) ?? '',
    permanode,
    date: formatTime(date),
    type: body.claimType,
    attr: body.attribute,
    ...(body.value === undefined ? {} : { value: body.value }),
  }
}

/** The blob of the key that signed a blob. */
async function signerOf(node: Node, ref: BlobRef): Promise<BlobRef | undefined> {
  const bytes = await node.store.fetch(ref)
  const signer = /"camliSigner": ?"([^"]+)"/.exec(Buffer.from(bytes ?? []).toString('latin1'))?.[1]
  return isBlobRef(signer) ? signer : undefined
}

/** Files by the digest of their content: those with facts, and those that have a permanode for it (`put --filenodes`, vivify). */
function filesRoute(node: Node): Route {
  return async (request, response) => {
    const files: Record<string, JsonValue> = {}
    for (const text of queryOf(request).getAll('wholedigest').slice(0, DESCRIBE_REFS_MAX)) {
      const found = await filesOf(node, parseBlobRef(text))
      files[text] = found.length > 0 ? found : null
    }
    sendPerkeepJson(response, { files })
  }
}

async function filesOf(node: Node, wholeRef: BlobRef): Promise<BlobRef[]> {
  const permanode = await node.index.plannedPermanode(wholeRef)
  const state = permanode && (await node.index.permanode(permanode))
  const found = new Set((state?.attributes.get('camliContent') ?? []).filter(isBlobRef))
  for await (const file of node.index.filesOfContent(wholeRef)) {
    if (found.size >= FOUND_MAX) break
    if ((await node.index.facts(file))?.wholeRef === wholeRef) found.add(file)
  }
  return [...found]
}

/** What refers to a blob: permanodes by their claims, and schema. */
function edgesToRoute(node: Node): Route {
  return async (request, response) => {
    const toRef = parseBlobRef(queryOf(request).get('blobref') ?? '')
    const edges = new Map<BlobRef, string>()
    for await (const by of node.index.edgesTo(toRef)) {
      if (edges.size >= FOUND_MAX) break
      const from = await sayerOf(node, by)
      const type = from && (await node.index.meta(from))?.type
      if (from && from !== toRef && type !== undefined) edges.set(from, type)
    }
    const edgesTo = [...edges].map(([from, fromType]) => ({ from, fromType }))
    sendPerkeepJson(response, { toRef, edgesTo: edgesTo.length > 0 ? edgesTo : null })
  }
}

/** The permanode that a claim is about; other schema stands for itself. */
async function sayerOf(node: Node, ref: BlobRef): Promise<BlobRef | undefined> {
  const bytes = await node.store.fetch(ref)
  const schema = bytes && parseSchema(bytes)
  if (schema?.type !== 'claim') return ref
  return 'permanode' in schema.claim ? schema.claim.permanode : undefined
}

function withAttributeRoute(node: Node): Route {
  return async (request, response) => {
    const query = queryOf(request)
    if (query.get('fuzzy') === 'true')
      throw new PeerkeepError('BAD_USAGE', 'fuzzy matching is not offered')
    const max = Math.min(countOf(Number(query.get('max')), FOUND_MAX), FOUND_MAX)
    const at = timeOf(query.get('at') ?? '')
    const found = await permanodesWith(node, {
      attribute: query.get('attr') ?? '',
      value: query.get('value') ?? '',
      max,
      at,
      signal: goneSignal(response),
    })
    const described = await describeFound(node, found, at)
    sendPerkeepJson(response, {
      withAttr: found.length > 0 ? found.map(permanode => ({ permanode })) : null,
      meta: metaOf(described),
    })
  }
}

function signerAttributeRoute(node: Node): Route {
  return async (request, response) => {
    const query = queryOf(request)
    const [permanode] = await permanodesWith(node, {
      attribute: query.get('attr') ?? '',
      value: query.get('value') ?? '',
      max: 1,
      at: undefined,
      signal: goneSignal(response),
    })
    if (!permanode) throw new PeerkeepError('NOT_FOUND', 'no permanode has this value')
    const described = await describeFound(node, [permanode])
    sendPerkeepJson(response, { permanode, meta: metaOf(described) })
  }
}

/** What was found, and what its attributes refer to. */
function describeFound(node: Node, refs: readonly BlobRef[], at?: bigint): Promise<Described> {
  return describeBlobs(node, { refs, depth: 2, childrenMax: CHILDREN_SHOWN, at, rules: [] })
}

interface AttributeSearch {
  readonly attribute: string
  /** Empty for any. */
  readonly value: string
  readonly max: number
  readonly at: bigint | undefined
  readonly signal: AbortSignal
}

/** The newest that have the value come first. */
async function permanodesWith(node: Node, search: AttributeSearch): Promise<readonly BlobRef[]> {
  const { attribute, value, max, at, signal } = search
  const permanode =
    value === '' ? { attr: attribute, numValue: { min: 1 }, at } : { attr: attribute, value, at }
  const page = { sort: '-mod', limit: max, after: undefined, around: undefined } as const
  const query = { ...page, constraint: { permanode }, isAboutPlaces: false }
  return (await node.search.run(query, { signal })).refs
}

function recentRoute(node: Node): Route {
  return async (request, response) => {
    const n = Number(queryOf(request).get('n'))
    const max = Number.isSafeInteger(n) && n >= 1 && n <= FOUND_MAX ? n : 50
    const query = readQuery({ constraint: { camliType: 'permanode' }, sort: '-mod', limit: max })
    const { refs } = await node.search.run(query, { signal: goneSignal(response) })
    const recent: JsonValue[] = []
    for (const ref of refs) {
      const modified = (await node.index.permanode(ref))?.modified ?? 0n
      recent.push({
        blobref: ref,
        modtime: formatTime(modified),
        owner: (await signerOf(node, ref)) ?? '',
      })
    }
    const described = await describeFound(node, refs)
    sendPerkeepJson(response, {
      recent: recent.length > 0 ? recent : null,
      meta: metaOf(described),
    })
  }
}

/** Permanodes that have a blob at one of their paths. */
function signerPathsRoute(node: Node): Route {
  return async (request, response) => {
    const target = parseBlobRef(queryOf(request).get('target') ?? '')
    const paths: JsonValue[] = []
    const bases = new Set<BlobRef>()
    for await (const by of node.index.edgesTo(target)) {
      if (paths.length >= FOUND_MAX) break
      const path = await pathOf(node, by, target)
      if (!path) continue
      paths.push(path.shown)
      bases.add(path.base)
    }
    const described = await describeFound(node, [...bases, target])
    sendPerkeepJson(response, { paths: paths.length > 0 ? paths : null, meta: metaOf(described) })
  }
}

const PATH_PREFIX = 'camliPath:'

/** What a claim says of a path, if it acts and still holds. */
async function pathOf(
  node: Node,
  claimRef: BlobRef,
  target: BlobRef,
): Promise<{ readonly base: BlobRef; readonly shown: JsonObject } | undefined> {
  const bytes = await node.store.fetch(claimRef)
  const schema = bytes && parseSchema(bytes)
  if (schema?.type !== 'claim' || !('attribute' in schema.claim)) return undefined
  const { attribute, permanode: base } = schema.claim
  if (!attribute.startsWith(PATH_PREFIX)) return undefined
  const state = await node.index.permanode(base)
  if (state?.attributes.get(attribute)?.includes(target) !== true) return undefined
  return { base, shown: { claimRef, baseRef: base, suffix: attribute.slice(PATH_PREFIX.length) } }
}
