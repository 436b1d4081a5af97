import type { Duplex } from 'node:stream'

import { isBlobRef, type BlobRef, refOf } from '../blob/ref.ts'
import type { Device } from '../index/queries.ts'
import { openPeerHost, type PeerHost } from '../peer/host.ts'
import type { Admission, JoinRequest } from '../peer/pairing.ts'
import type { GroupSecrets } from '../peer/replica.ts'
import type { Membership } from '../peer/source.ts'
import { makeCertificate } from '../schema/certificates.ts'
import { ed25519KeyBlob } from '../schema/key-blob.ts'
import type { Signer } from '../schema/signer.ts'
import { devicePermanodeKey } from '../schema/well-known.ts'
import { type ClaimQuota, openClaimQuota } from './claim-quota.ts'
import { certifierOf } from './certifier.ts'
import type { Config } from './config.ts'
import { deviceName } from './device-name.ts'
import { openGroupSecrets } from './group-secrets.ts'
import { type HomeKeys, saveGroupSecret } from './keys.ts'
import { openMetClocks } from './met-clocks.ts'
import type { Invitation, Network, PeerState } from './network.ts'
import type { Node } from './node.ts'
import {
  readAddresses,
  readAllAddresses,
  saveAddresses,
  saveHeardAddresses,
} from './peer-addresses.ts'
import { replicaSource } from './replica-source.ts'
import { parseReserve, roomAbove } from './reserve.ts'
import { risingDates } from './rising-dates.ts'
import { openTrieStore } from './trie-store.ts'

/** What of the config the line to other devices depends on. */
type NetworkConfig = Pick<Config, 'listen' | 'bootstrap' | 'local' | 'reserve' | 'claims'>

/** Puts a node on the line to the owner's other devices. */
export async function connectNode(
  node: Node,
  keys: HomeKeys,
  config: NetworkConfig,
): Promise<Network> {
  const { clock, log, files } = node.system
  const index = (): Node['index'] => node.index
  const secrets = openGroupSecrets({
    secret: keys.groupSecret,
    index,
    save: secret => saveGroupSecret(files, node.paths, secret),
  })
  const quota = await openClaimQuota({
    state: node.state,
    devices: node.index.trust.devices().map(({ keyId }) => keyId),
    clock,
    log,
    max: config.claims,
  })
  let takeTunnel: ((tunnel: Duplex) => void) | undefined
  const host = await openHost(node, config, {
    seed: keys.deviceSeed,
    secrets,
    quota,
    onTunnel: tunnel => {
      if (takeTunnel) return takeTunnel(tunnel)
      tunnel.on('error', () => undefined)
      tunnel.destroy(new Error('nobody serves it'))
    },
  })
  const { replica } = host
  const clocks = openMetClocks(replica, device => deviceName(node.index, device))
  const stopCounting = replica.onChange(() => {
    if (replica.sessions().some(session => session.state().lastInSync !== undefined)) quota.begin()
  })
  async function close(): Promise<void> {
    stopCounting()
    clocks.stop()
    await host.close()
    await quota.close()
  }
  return {
    get addresses() {
      return host.addresses()
    },
    peers: () => peerStates(node, { host, quota }),
    push: bytes => replica.push(bytes),
    want: () => replica.want(),
    onChange: listener => replica.onChange(listener),
    rivals: () => replica.rivals(),
    nearestClock: clocks.nearest,
    openTunnel: keyId => host.openTunnel(keyId),
    serveTunnels: take => void (takeTunnel = take),
    replaceSecret: secret => secrets.keep(secret),
    async invite(invitation) {
      const certifier = certifierOf(node, invitation.words)
      const { keyId, name } = await host.invite({
        show: invitation.show,
        confirm: request => invitation.confirm(request.name),
        admit: request =>
          admit(node, { request, certifier, invitation, groupSecret: secrets.secret() }),
        signal: invitation.signal,
      })
      return { keyId, name }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface HostParts {
  readonly seed: Uint8Array
  readonly secrets: GroupSecrets
  readonly quota: ClaimQuota
  readonly onTunnel: (tunnel: Duplex) => void
}

function openHost(node: Node, config: NetworkConfig, parts: HostParts): Promise<PeerHost> {
  const { seed, secrets, quota, onTunnel } = parts
  const { files } = node.system
  const index = (): Node['index'] => node.index
  const reserve = config.reserve === undefined ? undefined : parseReserve(config.reserve, 'reserve')
  return openPeerHost({
    ...node.system,
    seed,
    onTunnel,
    listen: config.listen,
    bootstrap: config.bootstrap,
    isLocal: config.local,
    source: replicaSource({
      ...node,
      index,
      quota,
      room: () => roomAbove(files, node.paths.directory, reserve),
    }),
    membership: membershipOf(node),
    secrets,
    ownerId: node.index.trust.owner,
    tries: openTrieStore({ files, directory: node.paths.tries, index, log: node.store }),
  })
}

/** What is said of a device that may bring no more claims today. */
const SPENT =
  "it has brought more new claims today than one device may; 'peerkeep config set claims N' and a new start allow N"

function peerStates(
  node: Node,
  { host: { replica }, quota }: { readonly host: PeerHost; readonly quota: ClaimQuota },
): PeerState[] {
  const sessions = new Map(replica.sessions().map(session => [session.keyId, session]))
  return othersOf(node).map(({ keyId }) => {
    const session = sessions.get(keyId)
    const state = session?.state()
    const last = replica.lastState(keyId)
    return {
      keyId,
      isConnected: session !== undefined,
      path: session?.path,
      lastInSync: last?.lastInSync,
      behind: state?.behind ?? 0,
      bytesReceived: last?.bytesReceived ?? 0,
      bytesPerSecond: state?.bytesPerSecond ?? 0,
      paused: state?.paused ?? (quota.isSpent(keyId) ? SPENT : undefined),
    }
  })
}

/** The owner's devices but this one that may come in. A node with this very key is met through others, if at all. */
function othersOf({ index, device }: Node): Device[] {
  return index.trust.devices().filter(known => !known.isRevoked && known.keyId !== device.keyId)
}

function membershipOf(node: Node): Membership {
  const self = node.device.keyId
  return {
    self,
    name: () => deviceName(node.index, self),
    isMember: key => othersOf(node).some(({ keyId }) => keyId === key),
    members: () => othersOf(node).flatMap(({ keyId, isRetired }) => (isRetired ? [] : keyId)),
    onChange: listener => node.index.trust.onChange(listener),
    addresses: key => readAllAddresses(node.state, key),
    toldAddresses: key => readAddresses(node.state, key),
    remember: (key, addresses) => saveAddresses(node.state, key, addresses),
    hear: (key, addresses) => saveHeardAddresses(node.state, key, addresses),
  }
}

interface Entering {
  readonly request: JoinRequest
  readonly certifier: Signer
  readonly invitation: Invitation
  readonly groupSecret: Uint8Array
}

/** Certifies a newcomer, here first, and answers everything that certifies the owner's devices. */
async function admit(
  node: Node,
  { request, certifier, invitation, groupSecret }: Entering,
): Promise<Admission> {
  const keyBlob = ed25519KeyBlob(Buffer.from(request.keyId.slice('ed25519-'.length), 'hex'))
  const device = { keyId: request.keyId, keyRef: refOf(keyBlob) }
  const { name } = request
  const permanode = await node.index.plannedPermanode(devicePermanodeKey(request.keyId))
  const dates = risingDates(node.system.clock, await node.index.latestClaimDate())
  const certificate = makeCertificate(
    { device, name, role: invitation.role, permanode },
    certifier,
    dates,
  )
  for (const bytes of [certifier.keyBlob, keyBlob, ...certificate]) await node.door.receive(bytes)
  await node.index.catchUp()
  return {
    inviterName: deviceName(node.index, node.device.keyId),
    ownerKeyBlob: node.ownerKeyBlob,
    groupSecret,
    blobs: await certifyingBlobs(node),
  }
}

/** The keys, permanodes and claims that make each device one of the owner's. */
async function certifyingBlobs(node: Node): Promise<Uint8Array[]> {
  const refs = new Set<BlobRef>()
  for (const { permanode, keyRef } of node.index.trust.devices()) {
    refs.add(permanode)
    refs.add(keyRef)
    for await (const claim of node.index.claims(permanode)) refs.add(claim.ref)
  }
  const blobs: Uint8Array[] = []
  for (const ref of refs) {
    const bytes = isBlobRef(ref) ? await node.store.fetch(ref) : undefined
    if (bytes) blobs.push(bytes)
  }
  return blobs
}
