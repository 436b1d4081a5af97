import type { Duplex } from 'node:stream'

import type { DeviceRole } from '../index/queries.ts'
import type { KeyId } from '../schema/signer.ts'

/** The line to the owner's other devices, as the rest of the node sees it. */
export interface Network extends AsyncDisposable {
  /** Multiaddrs that other devices can reach this one at. */
  readonly addresses: readonly string[]
  peers(): readonly PeerState[]
  /** Sends a claim that was just signed to all connected devices. Returns at once. */
  push(bytes: Uint8Array): void
  /** Says that something more is wanted. Returns at once. */
  want(): void
  /** Calls back whenever `peers()` may have changed; returns what stops it. */
  onChange(listener: () => void): () => void
  /** Run ids of other nodes that run with the key of this device. */
  rivals(): readonly string[]
  /**
   * The clock that is nearest to the one here, of the connected devices', or with nobody connected of those that were
   * last: a line that breaks makes no clock right. Undefined while none was met since the start.
   */
  nearestClock(): OtherClock | undefined
  /** Replaces the secret that the devices share; the others ask for it once they know of its check. */
  replaceSecret(secret: Uint8Array): Promise<void>
  /** A line to a connected device, for HTTP. Rejects with `PEER_UNREACHABLE`. */
  openTunnel(keyId: KeyId): Promise<Duplex>
  /** Says who takes such lines when other devices open them; without anybody they are refused. */
  serveTunnels(take: (tunnel: Duplex) => void): void
  /**
   * Opens a ticket and resolves once a device has joined with it. `show` is called with the ticket's
   * text. Rejects with `TIMED_OUT` when nobody came, `ABORTED` by the signal.
   */
  invite(invitation: Invitation): Promise<{ readonly keyId: KeyId; readonly name: string }>
  close(): Promise<void>
}

export interface OtherClock {
  /** The name of the device. */
  readonly device: string
  /** Milliseconds by which the clock here is ahead of it; negative when it is behind. */
  readonly leadMs: number
}

export interface Invitation {
  readonly show: (ticket: string) => Promise<void>
  readonly confirm: (name: string) => Promise<boolean>
  readonly role: DeviceRole
  /** The owner's words, when this device may not admit by itself. */
  readonly words: string | undefined
  readonly signal: AbortSignal
}

export interface PeerState {
  readonly keyId: KeyId
  readonly isConnected: boolean
  /** Where it is connected from or to, as a multiaddr. */
  readonly path: string | undefined
  /** When both had the same, in milliseconds since 1970; of the time since the start of this node. */
  readonly lastInSync: number | undefined
  /** Blobs that it is known to have and that are not here yet. */
  readonly behind: number
  readonly bytesReceived: number
  readonly bytesPerSecond: number
  /** Why nothing is stored from it at the moment. */
  readonly paused: string | undefined
}
