import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'

import { PeerkeepError } from '../base/errors.ts'
import { dhtServices } from './dht.ts'
import { BOOTSTRAP_CONNECTIONS_MAX, RELAY_WINDOW_MAX } from './limits.ts'
import { ownAddresses } from './own-addresses.ts'
import { libp2pKey } from './peer-id.ts'
import { type RelayLimits, relayService } from './relay-service.ts'

/**
 * A node that anyone may connect to, and that tells them how to reach whoever else is connected; to those who cannot be
 * reached it passes on what comes for them, within limits. What it passes on is encrypted end to end. Keeps no data.
 */
export interface BootstrapNode extends AsyncDisposable {
  /** Multiaddrs with its PeerId: what devices are configured with. */
  addresses(): string[]
  connections(): number
  close(): Promise<void>
}

export interface BootstrapNodeOptions {
  /** 32 bytes; its PeerId follows from them. */
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  /** Addresses to be known by instead, where others see different ones than this machine does. */
  readonly announce?: readonly string[]
  /** Other limits of the relay than those of a node that anyone may use. */
  readonly relay?: RelayLimits
}

export async function openBootstrapNode(options: BootstrapNodeOptions): Promise<BootstrapNode> {
  const { seed, listen, announce = [], relay = {} } = options
  const line = await createLibp2p({
    privateKey: await libp2pKey(seed),
    addresses: { listen: [...listen], announce: [...announce] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: RELAY_WINDOW_MAX } })],
    connectionManager: { maxConnections: BOOTSTRAP_CONNECTIONS_MAX },
    services: {
      ...dhtServices('answers'),
      relay: relayService(relay),
      ownAddresses,
    } as unknown as ServiceFactoryMap,
  }).catch((error: unknown) => {
    throw new PeerkeepError('IO', `cannot listen on ${listen.join(', ')}: ${String(error)}`, {
      cause: error,
    })
  })
  const close = async (): Promise<void> => line.stop()
  return {
    addresses: () => line.getMultiaddrs().map(String),
    connections: () => line.getConnections().length,
    close,
    [Symbol.asyncDispose]: close,
  }
}
