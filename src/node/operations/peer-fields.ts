import type { JsonObject } from '../../base/json.ts'
import type { PeerState } from '../network.ts'

/** How the line to a device is, as JSON; without one, as for a device that is away. */
export function peerFields(peer: PeerState | undefined): JsonObject {
  const seen = peer?.lastInSync
  return {
    connected: peer?.isConnected ?? false,
    path: peer?.path ?? null,
    lastInSync: seen === undefined ? null : new Date(seen).toISOString(),
    behind: peer?.behind ?? 0,
    bytesReceived: peer?.bytesReceived ?? 0,
    bytesPerSecond: peer?.bytesPerSecond ?? 0,
    paused: peer?.paused ?? null,
  }
}
