import { circuitRelayServer, type CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Connection, PeerId } from '@libp2p/interface'

import {
  RELAY_BYTES_MAX,
  RELAY_LINES_MAX,
  RELAY_LINES_PER_DEVICE_MAX,
  RELAY_MS,
  RELAY_RESERVATION_MS,
  RELAY_RESERVATIONS_MAX,
} from './limits.ts'
import { openPassage } from './passage.ts'

type Components = Parameters<ReturnType<typeof circuitRelayServer>>[0]

export interface RelayLimits {
  /** Bytes that one relayed connection may carry, both ways together. */
  readonly bytes?: number
  readonly reservations?: number
  /** Relayed connections at a time. */
  readonly lines?: number
}

/** libp2p's relay, with bounds of its memory and of the lines that it carries at a time. */
export function relayService({
  bytes = RELAY_BYTES_MAX,
  reservations = RELAY_RESERVATIONS_MAX,
  lines = RELAY_LINES_MAX,
}: RelayLimits): (components: Components) => CircuitRelayService {
  const serve = circuitRelayServer({
    maxInboundHopStreams: RELAY_LINES_PER_DEVICE_MAX,
    maxOutboundStopStreams: RELAY_LINES_PER_DEVICE_MAX,
    reservations: {
      maxReservations: reservations,
      reservationTtl: RELAY_RESERVATION_MS,
      defaultDataLimit: BigInt(bytes),
      defaultDurationLimit: RELAY_MS,
    },
  })
  return components => {
    const isAway = (peer: PeerId): boolean =>
      components.connectionManager.getConnections(peer).length === 0
    const relay = serve({
      ...boundStreams(components, lines),
      peerStore: components.peerStore,
      addressManager: components.addressManager,
      peerId: components.peerId,
      privateKey: components.privateKey,
      logger: components.logger,
      connectionGater: {
        /** Asked before a place is given away: those of devices that are gone make room. */
        denyInboundRelayReservation() {
          if (relay.reservations.size < reservations) return false
          for (const peer of relay.reservations.keys())
            if (isAway(peer)) relay.reservations.delete(peer)
          return false
        },
      },
    })
    return relay
  }
}

/** What libp2p hands the relay, so that all streams that it opens or is brought have bounds. */
function boundStreams(
  { registrar, connectionManager }: Components,
  linesMax: number,
): Pick<Components, 'registrar' | 'connectionManager'> {
  const passage = openPassage()
  let lines = 0

  async function openLine(
    connection: Connection,
    ...request: Parameters<Connection['newStream']>
  ): ReturnType<Connection['newStream']> {
    if (lines >= linesMax) throw new Error('too many relayed connections')
    lines += 1
    try {
      const stream = passage.bound(await connection.newStream(...request))
      stream.addEventListener('close', () => (lines -= 1), { once: true })
      return stream
    } catch (error) {
      lines -= 1
      throw error
    }
  }

  const boundRegistrar: Pick<Components['registrar'], 'handle' | 'unhandle'> = {
    handle: (protocol, handler, options) =>
      registrar.handle(
        protocol,
        (stream, connection) => handler(passage.bound(stream), connection),
        options,
      ),
    unhandle: protocol => registrar.unhandle(protocol),
  }
  const boundConnections = {
    getConnections: (peer: PeerId) =>
      connectionManager.getConnections(peer).map(connection => ({
        remotePeer: connection.remotePeer,
        newStream: (...request: Parameters<Connection['newStream']>) =>
          openLine(connection, ...request),
      })),
  }
  return {
    registrar: boundRegistrar as Components['registrar'],
    connectionManager: boundConnections as unknown as Components['connectionManager'],
  }
}
