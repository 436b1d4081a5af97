import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, isBlobRef, parseBlobRef } from '../blob/ref.ts'
import type { IndexedClaim, PermanodeState } from '../index/queries.ts'
import type { Node } from '../node/node.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import { formatTime, parseTime } from '../schema/time.ts'
import { roots } from './discovery.ts'
import type { Gate } from './gate.ts'
import { goneSignal } from './gone-signal.ts'
import {
  DESCRIBE_CHILDREN_MAX,
  DESCRIBE_DEPTH_MAX,
  DESCRIBE_REFS_MAX,
  FOUND_MAX,
} from './limits.ts'
import type { Metrics } from './metrics.ts'
import { queryOf, readJsonBody, sendPerkeepJson } from './respond.ts'
import { describeBlobs, type Described, type DescribeRule, metaOf } from './search-describe.ts'
import type { FindRoute, Route } from './server.ts'

interface SearchParts {
  readonly node: Node
  readonly gate: Gate
  readonly metrics: Metrics
}

/** Children of a directory that are listed where nothing else is asked: Perkeep's number. */
const CHILDREN_SHOWN = 50

/** What of Perkeep's search handler its tools need to find their way: describe, claims, and permanodes by an attribute. */
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
    const described = await describeBlobs(node, {
      refs: refsOf(body),
      depth: Math.min(countOf(body['depth'], 1), DESCRIBE_DEPTH_MAX),
      childrenMax: Math.min(countOf(body['maxDirChildren'], CHILDREN_SHOWN), DESCRIBE_CHILDREN_MAX),
      at: timeOf(body['at']),
      rules: rulesOf(body['rules'], 0),
    })
    sendPerkeepJson(response, { meta: metaOf(described) })
  }
}

function refsOf(body: JsonObject): BlobRef[] {
  const { blobref, blobrefs } = body
  const texts = [...(Array.isArray(blobrefs) ? (blobrefs as JsonValue[]) : []), blobref]
  const named = texts.filter(text => typeof text === 'string' && text !== '') as string[]
  // None at all is what pk-mount asks for while there are no roots.
  if (named.length > DESCRIBE_REFS_MAX)
    throw new PeerkeepError(
      'BAD_USAGE',
      `at most ${DESCRIBE_REFS_MAX} blobs can be described at once`,
    )
  return named.map(parseBlobRef)
}

function countOf(value: JsonValue | undefined, otherwise: number): number {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : otherwise
}

function timeOf(value: JsonValue | undefined): bigint | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const time = parseTime(value)
  if (time !== undefined) return time
  throw new PeerkeepError('BAD_USAGE', 'at must be a time such as 2026-03-04T12:00:00Z')
}

/** Rules nest as deep as there is depth. */
function rulesOf(value: JsonValue | undefined, level: number): DescribeRule[] {
  if (!Array.isArray(value) || level >= DESCRIBE_DEPTH_MAX) return []
  return (value as JsonValue[]).slice(0, DESCRIBE_REFS_MAX).flatMap(entry => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return []
    const rule = entry as JsonObject
    const { attrs, ifCamliNodeType } = rule
    return {
      ifResultRoot: rule['ifResultRoot'] === true,
      ifCamliNodeType: typeof ifCamliNodeType === 'string' ? ifCamliNodeType : '',
      attributes: (Array.isArray(attrs) ? (attrs as JsonValue[]) : []).filter(
        name => typeof name === 'string',
      ),
      rules: rulesOf(rule['rules'], level + 1),
    }
  })
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

/** Files by the digest of their content: those that have a permanode for it (`put --filenodes`, vivify). */
function filesRoute(node: Node): Route {
  return async (request, response) => {
    const files: Record<string, JsonValue> = {}
    for (const text of queryOf(request).getAll('wholedigest').slice(0, DESCRIBE_REFS_MAX)) {
      const permanode = await node.index.plannedPermanode(parseBlobRef(text))
      const state = permanode && (await node.index.permanode(permanode))
      const found = (state?.attributes.get('camliContent') ?? []).filter(isBlobRef)
      files[text] = found.length > 0 ? found : null
    }
    sendPerkeepJson(response, { files })
  }
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

/** All permanodes are looked at; the newest that have the value come first. */
async function permanodesWith(node: Node, search: AttributeSearch): Promise<BlobRef[]> {
  const { attribute, value, max, at, signal } = search
  const found: { readonly ref: BlobRef; readonly modified: bigint }[] = []
  for await (const ref of node.index.permanodes()) {
    signal.throwIfAborted()
    const state = await node.index.permanode(ref, at)
    if (!state || state.isDeleted || isOwnAffair(state)) continue
    const values = attribute === '' ? ['any'] : (state.attributes.get(attribute) ?? [])
    const isFound = value === '' ? values.length > 0 : values.includes(value)
    if (isFound) keepNewest(found, { ref, modified: state.modified }, max)
  }
  return found.map(({ ref }) => ref)
}

/** What Peerkeep keeps for itself about devices is nothing that a person looks for. */
function isOwnAffair({ key }: PermanodeState): boolean {
  return key !== undefined && /^peerkeep:(?!backup:)/.test(key)
}

/** Inserts in the order of time, newest first, and drops what is one too many. */
function keepNewest<Item extends { readonly modified: bigint }>(
  found: Item[],
  item: Item,
  max: number,
): void {
  const at = found.findIndex(({ modified }) => modified < item.modified)
  if (at === -1) found.push(item)
  else found.splice(at, 0, item)
  if (found.length > max) found.pop()
}

function recentRoute(node: Node): Route {
  return async (request, response) => {
    const n = Number(queryOf(request).get('n'))
    const max = Number.isSafeInteger(n) && n >= 1 && n <= FOUND_MAX ? n : 50
    const signal = goneSignal(response)
    const search = { attribute: '', value: '', max, at: undefined, signal }
    const refs = await permanodesWith(node, search)
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
