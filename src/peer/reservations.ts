import { circuitRelayTransport, RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { PeerId, Transport } from '@libp2p/interface'

type TransportFactory = ReturnType<typeof circuitRelayTransport>

/** Places at relays: what lets this device be called through them. */
export interface Reservations {
  /** The transport of relayed lines, as libp2p takes one. */
  readonly transport: TransportFactory
  /** Takes a place at a connected node that relays, or keeps it. Rejects where there is none. */
  reserve(node: PeerId): Promise<void>
}

/** What the transport knows of its reservations, which its public type keeps to itself. */
interface ReservingTransport extends Transport {
  readonly reservationStore: {
    addRelay(relay: PeerId, type: 'configured'): Promise<unknown>
  }
}

/**
 * Reserves only where it is told to. libp2p's own search for relays asks the DHT again and again while there is none,
 * without a pause: a device whose only node is down would do nothing else.
 */
export function openReservations(): Reservations {
  let reserving: ReservingTransport | undefined
  let isRelay: (node: PeerId) => Promise<boolean> = async () => false
  const everyone = { has: () => true, add: () => undefined, remove: () => undefined }
  return {
    transport(components) {
      reserving = circuitRelayTransport({ discoveryFilter: everyone })(
        components,
      ) as ReservingTransport
      isRelay = async node =>
        (await components.peerStore.get(node)).protocols.includes(RELAY_V2_HOP_CODEC)
      return reserving
    },
    async reserve(node) {
      // libp2p never asks a peer again that was no relay once; a node may become one.
      if (await isRelay(node)) await reserving?.reservationStore.addRelay(node, 'configured')
    },
  }
}
