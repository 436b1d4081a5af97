import type { BlobRef } from '../blob/ref.ts'
import type { DeviceRole } from '../index/queries.ts'
import type { KeyId } from '../schema/signer.ts'

/** The line to the owner's other devices, as the rest of the node sees it. */
export interface Network extends AsyncDisposable {
  /** Multiaddrs that other devices can reach this one at. */
  readonly addresses: readonly string[]
  peers(): readonly PeerState[]
  /** Says that there is something new here, so that peers come and get it. Returns at once. */
  changed(): void
  /** Calls back whenever `peers()` may have changed; returns what stops it. */
  onChange(listener: () => void): () => void
  /** Devices, connected now, that say they hold everything of a snapshot. */
  holders(snapshot: BlobRef): Promise<readonly KeyId[]>
  /**
   * Opens a ticket and resolves once a device has joined with it. `show` is called with the ticket's
   * text. Rejects with `TIMED_OUT` when nobody came, `ABORTED` by the signal.
   */
  invite(invitation: Invitation): Promise<{ readonly keyId: KeyId; readonly name: string }>
  close(): Promise<void>
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
  /** When everything that the peer had was here, in milliseconds since 1970. */
  readonly lastInSync: number | undefined
  readonly bytesReceived: number
}
