import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import type { ServiceFactoryMap } from 'libp2p'

/**
 * A DHT of Peerkeep's own, in which devices find each other's addresses by their keys. Nothing is stored in it: the
 * nodes of the network tell of the peers that are connected to them. What it answers is a hint; whoever is called at
 * an address still has to prove its key.
 */
const DHT_PROTOCOL = '/peerkeep/kad/1.0.0'

/** Devices only ask; the nodes of the network answer. */
export function dhtServices(role: 'asks' | 'answers'): ServiceFactoryMap {
  const services = {
    identify: identify(),
    // The DHT looks whether those it has heard of are still there.
    ping: ping(),
    dht: kadDHT({
      protocol: DHT_PROTOCOL,
      clientMode: role === 'asks',
      // Devices at home have private addresses, and shall be found at them.
      peerInfoMapper: passthroughMapper,
      validators: { pk: refuseRecord },
    }),
  }
  // libp2p hands each service what the others provide; its types know that only for a whole map.
  return services as unknown as ServiceFactoryMap
}

async function refuseRecord(): Promise<void> {
  throw new Error('nothing is stored here')
}
