import { join } from 'node:path'

import { PeerkeepError } from '../base/errors.ts'
import type { KeyValue } from '../base/key-value.ts'
import { openListeners } from '../base/listeners.ts'
import { openLevelKeyValue } from '../base/level-key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { openPackStore, type PackStore } from '../blob/pack-store.ts'
import { type Door, openDoor } from '../blob/receive.ts'
import type { DocumentTables } from '../index/document-tables.ts'
import { openThreadDocuments } from '../index/thread-documents.ts'
import { openIndex } from '../index/open-index.ts'
import { openPlaces } from '../index/places.ts'
import { openSearch } from '../index/search.ts'
import type { Index } from '../index/queries.ts'
import { classifyBlob } from '../schema/classify.ts'
import { ed25519Signer } from '../schema/ed25519-signer.ts'
import type { MemberChange } from '../peer/source.ts'
import { readKeyBlob } from '../schema/key-blob.ts'
import { type Verify, verifySigned } from '../schema/signed-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import { verifyOnce } from '../schema/verify-once.ts'
import { openClaimWriter } from './claim-writer.ts'
import { type Condemned, openCondemned } from './condemned.ts'
import { loadConfig } from './config.ts'
import { lockHome } from './home-lock.ts'
import { openHoldingsKeeper } from './holdings-keeper.ts'
import type { HomePaths } from './home.ts'
import { type HomeKeys, loadKeys } from './keys.ts'
import { openLooseKeeper } from './loose.ts'
import type { Network } from './network.ts'
import type { Node, System } from './node.ts'
import { openScrub } from './scrub.ts'
import { openArrivals } from './arrivals.ts'
import { openThumbnails } from './thumbnails.ts'

/** Cache of the search index, in bytes: what most look-ups of one command touch. */
const SEARCH_CACHE_BYTES = 16 * 1024 * 1024

/** Rows deleted at a time when an index is dropped. */
const DROP_ROWS = 10_000

export interface OpenNodeOptions {
  readonly paths: HomePaths
  readonly system: System
  /** What the process is doing, for whoever finds the home taken. */
  readonly purpose: string
  /** Opens the line to other devices, over the node's other parts. */
  readonly connect?: (node: Node, keys: HomeKeys) => Promise<Network>
}

/**
 * Opens a home: the lock first, then keys, store, index, network, each closed again in reverse when the node closes
 * or a later one fails. Rejects with `HOME_LOCKED`, `HOME_MISSING`, `BAD_CONFIG`, `STORE_DAMAGED` …
 */
export async function openNode(options: OpenNodeOptions): Promise<Node> {
  const closers: (() => Promise<void>)[] = []
  try {
    return await openParts(options, closers)
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
async function openParts(
  options: OpenNodeOptions,
  closers: (() => Promise<void>)[],
): Promise<Node> {
  const { paths, system } = options
  const { files, clock, random, log } = system
  const opened = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    closers.push(() => part.close())
    return part
  }
  const keys = await loadKeys(files, paths)
  const state = opened(await lockHome(options))
  const config = await loadConfig(files, paths.config)
  /** What was found damaged is wanted from the other devices. */
  const wantAgain = async (ref: BlobRef): Promise<void> => {
    await index
      ?.lost([ref])
      .catch((error: unknown) => log.warn('damaged blob not noted', { ref, reason: String(error) }))
    network?.want()
  }
  await files.makeDirectory(paths.blobIndex)
  const blobRows = opened(await openLevelKeyValue(paths.blobIndex))
  const store = opened(
    await openPackStore({
      directory: config.store ?? paths.blobs,
      files,
      rows: blobRows,
      classify: classifyBlob,
      random,
      log,
      onDamaged: ref => void wantAgain(ref),
    }),
  )
  await files.makeDirectory(paths.searchIndex)
  const rows = opened(
    await openLevelKeyValue(paths.searchIndex, { cacheBytes: SEARCH_CACHE_BYTES }),
  )
  const documents = opened(openThreadDocuments(paths.searchTables, files.remove))
  const owner = ownerOf(keys, paths)
  const verify = verifyOnce(verifySigned)
  const reopenIndex = (): Promise<Index> =>
    openStoreIndex({ rows, documents, store, owner, system, verify: verify.last })
  let index: Index = await reopenIndex()
  closers.push(() => index.close())
  const arrivals = openArrivals(() => index)
  let network: Network | undefined
  const members = openListeners<[changes: readonly MemberChange[]]>()
  index.onMembers(members.tell)
  const blobs = openListeners<[ref: BlobRef]>()
  const condemned = await openCondemned({ state, clock, store, index: () => index })
  const door = revivingDoor(
    openDoor(store, (ref, bytes) => {
      if (classifyBlob(bytes) === 'meta') index.wake()
      else arrivals.add(ref)
      blobs.tell(ref)
    }),
    condemned,
  )
  const device = ed25519Signer(keys.deviceSeed)
  const claims = openClaimWriter({
    signer: device,
    door,
    index: () => index,
    clock,
    random,
    nearestClock: () => network?.nearestClock(),
    onSigned: bytes => network?.push(bytes),
  })
  const loose = opened(
    openLooseKeeper({
      device: device.keyId,
      state,
      store,
      door,
      index: () => index,
      claims,
      clock,
      log,
      isWatching: options.connect !== undefined,
    }),
  )
  const search = openSearch({
    index: () => index,
    fetch: async ref => store.fetch(ref),
    stat: async refs => store.stat(refs),
    enumerate: () => condemned.visible.enumerate(),
    clock,
  })
  const thumbnails = opened(
    openThumbnails({ directory: paths.thumbnails, files, clock, log, store }),
  )
  let statCache: Promise<KeyValue> | undefined
  const close = closeOnce(closers)
  const node: Node = {
    paths,
    config,
    device,
    ownerKeyBlob: keys.ownerKeyBlob,
    store,
    door,
    claims,
    search,
    places: openPlaces(),
    thumbnails,
    loose,
    verify: verify.first,
    state,
    system,
    arrivals,
    get index() {
      return index
    },
    get network() {
      return network
    },
    condemned,
    onBlob: blobs.add,
    onMembers: members.add,
    async reindex() {
      await index.close()
      await dropRows(rows)
      index = await reopenIndex()
      index.onMembers(members.tell)
      await index.catchUp()
    },
    statCache: () =>
      (statCache ??= files
        .makeDirectory(paths.statCache)
        .then(() => openLevelKeyValue(paths.statCache))
        .then(opened)),
    close,
    [Symbol.asyncDispose]: close,
  }
  await index.catchUp()
  if (options.connect) {
    network = opened(await options.connect(node, keys))
    opened(openHoldingsKeeper(node))
    if (config.scrub > 0) opened(openScrub({ store, state, clock, log, days: config.scrub }))
  }
  return node
}

/** Whoever sends a blob again wants it to stay. */
function revivingDoor(door: Door, condemned: Condemned): Door {
  return {
    async receive(bytes, ref) {
      const received = await door.receive(bytes, ref)
      if (!received.isNew && condemned.has(received.ref)) await condemned.revive(received.ref)
      return received
    },
  }
}

function openStoreIndex(parts: {
  readonly rows: KeyValue
  readonly documents: DocumentTables
  readonly store: PackStore
  readonly owner: KeyId
  readonly system: System
  readonly verify: Verify
}): Promise<Index> {
  const { rows, documents, store, owner, system, verify } = parts
  return openIndex({
    rows,
    documents,
    log: store,
    stat: refs => store.stat(refs),
    fetch: ref => store.fetch(ref),
    owner,
    clock: system.clock,
    messages: system.log,
    verify,
  })
}

async function dropRows(rows: KeyValue): Promise<void> {
  for (let isMore = true; isMore;) {
    const keys: string[] = []
    for await (const [key] of rows.scan({ limit: DROP_ROWS })) keys.push(key)
    await rows.batch(keys.map(key => ({ type: 'delete', key })))
    isMore = keys.length === DROP_ROWS
  }
}

function ownerOf(keys: HomeKeys, paths: HomePaths): KeyId {
  const key = readKeyBlob(keys.ownerKeyBlob)
  if (key) return key.keyId
  throw new PeerkeepError(
    'BAD_CONFIG',
    `${join(paths.keys, 'owner.pub')} is no public key. Bring it back from a copy of the home, or from another device's home.`,
  )
}

function closeOnce(closers: (() => Promise<void>)[]): () => Promise<void> {
  let closing: Promise<void> | undefined
  return () => (closing ??= closeAll(closers))
}

/** Closes in reverse; everything is closed whatever fails, and the first failure is told. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers.toReversed()) {
    await close().catch((error: unknown) => void failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
}
