import { hash } from 'node:crypto'

import type { Clock } from '../../src/base/clock.ts'
import { replaceFile } from '../../src/base/files.ts'
import { silentLog } from '../../src/base/log.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { type Door, openDoor } from '../../src/blob/receive.ts'
import { openMemoryDocuments } from '../../src/index/memory-documents.ts'
import { openIndex } from '../../src/index/open-index.ts'
import type { Index, MemberChange } from '../../src/index/queries.ts'
import { openArrivals } from '../../src/node/arrivals.ts'
import { type ClaimWriter, openClaimWriter } from '../../src/node/claim-writer.ts'
import type { ClaimQuota } from '../../src/node/claim-quota.ts'
import { openGroupSecrets } from '../../src/node/group-secrets.ts'
import { replicaSource } from '../../src/node/replica-source.ts'
import { openTrieStore } from '../../src/node/trie-store.ts'
import { type GroupSecrets, openReplica, type Replica } from '../../src/peer/replica.ts'
import type { Membership, ReplicaSource } from '../../src/peer/source.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import type { Verify } from '../../src/schema/signed-blob.ts'
import type { KeyId, Signer } from '../../src/schema/signer.ts'
import { openLogKeyValue } from '../sim/log-key-value.ts'
import type { SimFiles } from '../sim/sim-files.ts'
import type { SimRandom } from '../sim/sim-random.ts'

/** Where a simulated home keeps what. */
export const homeDirectories: readonly string[] = [
  '/blobs',
  '/blobs/meta',
  '/blobs/data',
  '/rows/blobs',
  '/rows/search',
  '/keys',
  '/tries',
]

/** A node as it runs in earnest, all but its process: packs and rows on a simulated disk, lines of the test. */
export interface SimNode {
  readonly name: string
  readonly signer: Signer
  readonly files: SimFiles
  readonly store: PackStore
  readonly door: Door
  readonly index: Index
  readonly claims: ClaimWriter
  readonly replica: Replica
  readonly secrets: GroupSecrets
  readonly source: ReplicaSource
  isMember(key: KeyId): boolean
  /** Ends in order. */
  close(): Promise<void>
  /** Stops all its timers, as a kill does. */
  kill(): void
}

export interface SimNodeOptions {
  readonly name: string
  readonly seed: Uint8Array
  readonly owner: KeyId
  /** What it was given when it was paired; a later one lies on the disk. */
  readonly groupSecret: Uint8Array
  readonly files: SimFiles
  readonly clock: Clock
  readonly random: SimRandom
  readonly verify: Verify
}

/** Worlds are smaller than what a device may bring in a day. */
const unlimited: ClaimQuota = {
  isSpent: () => false,
  note: () => undefined,
  begin: () => undefined,
  close: async () => undefined,
}

const SECRET_FILE = '/keys/group'

// oxlint-disable-next-line max-lines-per-function -- a node is put together in one place
export async function openSimNode(options: SimNodeOptions): Promise<SimNode> {
  const { files, random, owner, verify, name } = options
  const signer = bulkSigner(options.seed)
  const { clock, kill } = mortalClock(options.clock)
  const blobRows = await openLogKeyValue(files, '/rows/blobs')
  const store: PackStore = await openPackStore({
    directory: '/blobs',
    files,
    rows: blobRows,
    classify: classifyBlob,
    random,
    log: silentLog,
    onDamaged: ref => void index.lost([ref]),
  })
  const searchRows = await openLogKeyValue(files, '/rows/search')
  const index: Index = await openIndex({
    documents: openMemoryDocuments(),
    rows: searchRows,
    log: store,
    stat: refs => store.stat(refs),
    fetch: ref => store.fetch(ref),
    owner,
    clock,
    messages: silentLog,
    verify,
  })
  await index.catchUp()
  const arrivals = openArrivals(() => index)
  const door = openDoor(store, (ref, bytes) => {
    if (classifyBlob(bytes) === 'meta') index.wake()
    else arrivals.add(ref)
  })
  await files.makeDirectory('/keys')
  const kept = await files.readFile(SECRET_FILE)
  const secrets = openGroupSecrets({
    secret: kept ?? options.groupSecret,
    index: () => index,
    save: secret => replaceFile(files, SECRET_FILE, secret),
  })
  const isMember = (key: KeyId): boolean =>
    key !== signer.keyId &&
    index.trust.devices().some(device => device.keyId === key && !device.isRevoked)
  const membership: Membership = {
    self: signer.keyId,
    name: () => name,
    isMember,
    members: () => [],
    onChange: listener => index.trust.onChange(listener),
    addresses: async () => [],
    toldAddresses: async () => [],
    remember: async () => undefined,
    hear: async () => false,
  }
  const source = replicaSource({
    store,
    door,
    index: () => index,
    arrivals,
    onMembers: (listener: (changes: readonly MemberChange[]) => void) => index.onMembers(listener),
    room: async () => Infinity,
    quota: unlimited,
    verify,
  })
  const replica = openReplica({
    source,
    membership,
    secrets,
    ownerId: owner,
    tries: openTrieStore({ files, directory: '/tries', index: () => index, log: store }),
    clock,
    random,
    log: silentLog,
    addresses: () => [],
  })
  const claims = openClaimWriter({
    signer,
    door,
    index: () => index,
    clock,
    random,
    // The worlds are about what is signed by whatever clock.
    nearestClock: () => undefined,
    onSigned: bytes => replica.push(bytes),
  })
  async function close(): Promise<void> {
    await replica.close()
    await index.close()
    await searchRows.close()
    await store.close()
    await blobRows.close()
  }
  return {
    name,
    signer,
    files,
    store,
    door,
    index,
    claims,
    replica,
    secrets,
    source,
    isMember,
    close,
    kill,
  }
}

/** A clock whose timers all stop when the node is killed. */
function mortalClock(clock: Clock): { clock: Clock; kill: () => void } {
  const stops = new Set<() => void>()
  let isDead = false
  return {
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(ms, action) {
        if (isDead) return () => undefined
        const stop = clock.after(ms, () => {
          stops.delete(stop)
          action()
        })
        stops.add(stop)
        return () => {
          stops.delete(stop)
          stop()
        }
      },
    },
    kill() {
      isDead = true
      for (const stop of stops) stop()
      stops.clear()
    },
  }
}

/** A key that depends on its name alone. */
export function seedNamed(name: string): Uint8Array {
  return hash('sha256', name, 'buffer')
}
