import { randomBytes } from 'node:crypto'
import { once } from 'node:events'

import { type Clock, systemClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { type Door, openDoor } from '../../src/blob/receive.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import type { BlobStore } from '../../src/blob/store.ts'
import { openPeerHost, type PeerHost, type PeerHostOptions } from '../../src/peer/host.ts'
import type { MemberChange, Membership, ReplicaSource } from '../../src/peer/source.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import type { KeyId } from '../../src/schema/signer.ts'

/** A device without an index: everything it has counts as schema, and what is in `wanted` as wanted data. */
export interface TestDevice {
  readonly seed: Uint8Array
  readonly keyId: KeyId
  readonly store: BlobStore
  readonly door: Door
  readonly wanted: Set<BlobRef>
  /** What it has logged. */
  readonly lines: string[]
  readonly source: ReplicaSource
  /** Resolves when the blob is here. */
  until(ref: BlobRef): Promise<void>
}

export function makeTestDevice(seed: Uint8Array = randomBytes(32)): TestDevice {
  const store = openMemoryStore({ classify: () => 'data' })
  const listeners = new Set<(changes: readonly MemberChange[]) => void>()
  const arrived = new EventTarget()
  const wanted = new Set<BlobRef>()
  const door = openDoor(store, ref => {
    wanted.delete(ref)
    for (const listener of listeners) listener([{ set: 'schema', ref, isMember: true }])
    arrived.dispatchEvent(new Event('blob'))
  })
  return {
    seed,
    keyId: ed25519Signer(seed).keyId,
    store,
    door,
    wanted,
    lines: [],
    source: {
      ...emptySource,
      enumerate: set => (set === 'schema' ? store.enumerate() : nothing()),
      onMembers(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      fetch: ref => store.fetch(ref),
      stat: refs => store.stat(refs),
      async take({ bytes, ref }) {
        await door.receive(bytes, ref)
        return true
      },
      async *wants() {
        yield* wanted
      },
    },
    async until(ref) {
      while ((await store.stat([ref]))[0] === undefined) await once(arrived, 'blob')
    },
  }
}

async function* nothing(): AsyncGenerator<never> {}

export const emptySource: ReplicaSource = {
  enumerate: nothing,
  onMembers: () => () => undefined,
  fetch: async () => undefined,
  stat: async refs => refs.map(() => undefined),
  take: async () => true,
  settled: async () => undefined,
  wants: nothing,
  room: async () => Infinity,
}

/** What a host of one owner shares with its others. */
export const sharedOptions: Pick<PeerHostOptions, 'secrets' | 'ownerId' | 'tries' | 'random'> = {
  secrets: {
    secret: () => new Uint8Array(32),
    check: secret => Buffer.from(secret).toString('hex'),
    wanted: async () => undefined,
    keep: async () => undefined,
    onChange: () => () => undefined,
  },
  ownerId: 'owner',
  tries: {
    load: async () => undefined,
    version: async () => '',
    save: async () => undefined,
  },
  random: systemRandom,
}

/** Membership of a few fixed keys, all remembered at the same addresses. */
export function fixedMembers(
  self: KeyId,
  members: readonly KeyId[],
  addresses: readonly string[] = [],
): Membership {
  return {
    self,
    name: () => 'device',
    isMember: key => members.includes(key),
    members: () => members,
    onChange: () => () => undefined,
    addresses: async () => addresses,
    toldAddresses: async () => [],
    remember: async () => undefined,
    hear: async () => false,
  }
}

/** Membership of a few keys that remembers where they are, as the rows of a node do. */
export function rememberingMembers(
  self: KeyId,
  members: readonly KeyId[],
  first: Readonly<Record<KeyId, readonly string[]>> = {},
): Membership {
  const told = new Map<KeyId, readonly string[]>(Object.entries(first) as [KeyId, string[]][])
  const heard = new Map<KeyId, readonly string[]>()
  return {
    ...fixedMembers(self, members),
    addresses: async key => [...(told.get(key) ?? []), ...(heard.get(key) ?? [])],
    toldAddresses: async key => told.get(key) ?? [],
    remember: async (key, addresses) => void told.set(key, addresses),
    async hear(key, addresses) {
      heard.set(key, addresses)
      return true
    },
  }
}

/** Opens a host on loopback, who knows the others at these addresses. */
export function openTestHost(
  device: TestDevice,
  others: readonly TestDevice[],
  options: {
    readonly addresses?: readonly string[]
    readonly bootstrap?: readonly string[]
    readonly clock?: Clock
    readonly source?: ReplicaSource
    readonly membership?: Membership
    readonly listen?: readonly string[]
    readonly longLineMs?: number
  } = {},
): Promise<PeerHost> {
  const write = (event: string): void => void device.lines.push(event)
  const log: Log = { info: write, warn: write }
  const { source = device.source, addresses = [], bootstrap = [], clock = systemClock } = options
  const keys = others.map(other => other.keyId)
  return openPeerHost({
    ...sharedOptions,
    seed: device.seed,
    listen: options.listen ?? ['/ip4/127.0.0.1/tcp/0'],
    bootstrap,
    ...(options.longLineMs === undefined ? {} : { longLineMs: options.longLineMs }),
    source,
    membership: options.membership ?? fixedMembers(device.keyId, keys, addresses),
    clock,
    log,
  })
}

/** Resolves when the host has as many sessions. */
export async function untilConnected({ replica }: PeerHost, sessions = 1): Promise<void> {
  while (replica.sessions().length < sessions) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = replica.onChange(resolve)
    if (replica.sessions().length >= sessions) resolve()
    await promise
    stop()
  }
}
