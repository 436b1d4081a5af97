import { noise } from '@chainsafe/libp2p-noise'
import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from 'libp2p'

import { PeerkeepError } from '../base/errors.ts'
import type { KeyId } from '../schema/signer.ts'
import { dhtServices } from './dht.ts'
import { STREAM_WINDOW_MAX } from './limits.ts'
import { ownAddresses, type OwnAddresses } from './own-addresses.ts'
import { keyIdOfPeer, libp2pKey } from './peer-id.ts'
import { openReservations, type Reservations } from './reservations.ts'

/** Protocols between devices; another version is another name. */
export const EXCHANGE_PROTOCOL = '/peerkeep/exchange/2.0.0'
export const BLOB_PROTOCOL = '/peerkeep/blobs/1.0.0'
/** Perkeep's blob protocol between own devices, for who copies a whole store. */
export const TUNNEL_PROTOCOL = '/peerkeep/http/1.0.0'
export const PAIRING_PROTOCOL = '/peerkeep/pair/1.0.0'

/** libp2p, with what Peerkeep adds. */
export type Line = Libp2p<{ reservations: Reservations; ownAddresses: OwnAddresses }>

export interface LineOptions {
  /** The device's 32-byte seed: its key is its address. */
  readonly seed: Uint8Array
  /** Multiaddrs to listen on; none for a device that only calls. */
  readonly listen: readonly string[]
  /** Whether a device that has proved this key may be connected. */
  readonly admits: (key: KeyId) => boolean
  /** Whether one may come through a relay that says to have this key; its proof is `admits`' matter. */
  readonly admitsRelayed?: (key: KeyId) => boolean
  /** Multiaddrs of bootstrap nodes: these are called, asked in the DHT, and relay, whoever else is admitted. */
  readonly bootstrap?: readonly string[]
  /** Whether devices in the same network are looked for, and told of this one. */
  readonly isLocal?: boolean
}

/** The service by which devices in one network find each other: they tell their PeerIds and addresses, no more. */
const LOCAL_SERVICE = '_peerkeep._udp.local'

/**
 * Options of all that devices say to each other: libp2p takes a relayed connection for too short to be used, unless
 * told otherwise.
 */
export const alsoRelayed = { runOnLimitedConnection: true } as const

/** The PeerIds of bootstrap nodes, which their addresses end in. */
export function peersOfNodes(addresses: readonly string[]): ReadonlySet<string> {
  return new Set(addresses.map(address => address.slice(address.lastIndexOf('/') + 1)))
}

/** libp2p over TCP with TLS or noise and yamux, connected to nobody but whom `admits` lets in. */
export async function openLine({
  seed,
  listen,
  admits,
  admitsRelayed = admits,
  bootstrap = [],
  isLocal = false,
}: LineOptions): Promise<Line> {
  const nodes = peersOfNodes(bootstrap)
  const isRefused = (peer: PeerId, by = admits): boolean => {
    const key = keyIdOfPeer(peer)
    return key === undefined || !by(key)
  }
  const connectionGater: ConnectionGater = {
    denyDialPeer: peer => !nodes.has(peer.toString()) && isRefused(peer),
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection: peer => isRefused(peer),
    denyOutboundEncryptedConnection: peer => !nodes.has(peer.toString()) && isRefused(peer),
    // Who comes through a relay has to prove its key to this device like anybody else.
    denyInboundRelayedConnection: (relay, peer) =>
      !nodes.has(relay.toString()) || isRefused(peer, admitsRelayed),
  }
  const hasNodes = bootstrap.length > 0
  const reservations = openReservations()
  try {
    return await createLibp2p({
      privateKey: await libp2pKey(seed),
      addresses: { listen: [...listen] },
      transports: hasNodes ? [tcp(), reservations.transport] : [tcp()],
      // The first that both know: TLS is half as fast again, noise is what everybody has.
      connectionEncrypters: [tls(), noise()],
      streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: STREAM_WINDOW_MAX } })],
      connectionGater,
      peerDiscovery: isLocal ? [mdns({ serviceTag: LOCAL_SERVICE })] : [],
      services: {
        ...(hasNodes ? dhtServices('asks') : {}),
        reservations: () => reservations,
        ownAddresses,
      } as unknown as ServiceFactoryMap<Line['services']>,
      // Devices behind one router share an address, and meet all at once when it restarts.
      connectionManager: { inboundConnectionThreshold: 50, maxIncomingPendingConnections: 50 },
    })
  } catch (error) {
    throw new PeerkeepError(
      'IO',
      `cannot listen on ${listen.join(', ')}: ${error instanceof Error ? error.message : String(error)}. Is another node running? Choose another address with --listen (port 0 takes a free one).`,
      { cause: error },
    )
  }
}
