import type { BlobRef } from '../blob/ref.ts'
import type { SizedRef } from '../blob/store.ts'
import type { KeyId } from '../schema/signer.ts'
import type { SetName } from './messages.ts'

/** What replication needs of the rest of the node, which hands it in. */
export interface ReplicaSource {
  /** This device's refs of a set, ascending. */
  enumerate(set: SetName, after?: BlobRef): AsyncIterable<SizedRef>
  fetch(ref: BlobRef): Promise<Uint8Array | undefined>
  /**
   * Takes a blob of a peer in, under the ref it was asked for by. Answers false for a claim that may not be stored
   * (yet): its signature is wrong, or nobody certified its key. Rejects with `DIGEST_MISMATCH` for wrong bytes.
   */
  take(set: SetName | 'data', ref: BlobRef, bytes: Uint8Array): Promise<boolean>
  /** Resolves when what was taken so far counts: certificates, edges, wants. */
  settled(): Promise<void>
  /** Blobs that known schema needs and that are not here, ascending. */
  wants(): AsyncIterable<BlobRef>
  /** Whether everything of a snapshot is here. */
  holds(snapshot: BlobRef): Promise<boolean>
}

/** Who may come in, and how this device calls itself. */
export interface Membership {
  readonly self: KeyId
  readonly name: () => string
  /** True for the owner's devices. */
  isMember(key: KeyId): boolean
  /** All devices but this one. */
  members(): readonly KeyId[]
  /** Calls back when membership changed; returns what stops it. */
  onChange(listener: () => void): () => void
  /** Addresses that a device was reachable at, and how they are remembered. */
  addresses(key: KeyId): Promise<readonly string[]>
  remember(key: KeyId, addresses: readonly string[]): Promise<void>
}
