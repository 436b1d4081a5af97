import type { BlobRef } from '../blob/ref.ts'
import type { Room } from '../blob/store.ts'
import type { KeyId } from '../schema/signer.ts'
import type { SetName } from './messages.ts'

/** What replication needs of the rest of the node, which hands it in. */
export interface ReplicaSource extends SetSource {
  /** The bytes of a blob, in what `room` answers for their number where it is given. */
  fetch(ref: BlobRef, room?: Room): Promise<Uint8Array | undefined>
  /** Sizes in the order of `refs`, undefined for what is not here. */
  stat(refs: readonly BlobRef[]): Promise<readonly (number | undefined)[]>
  /**
   * Takes a blob of a peer in. Answers false for a claim that may not be stored (yet): its signature is wrong, nobody
   * certified its key, its key was revoked, or this peer has brought too many. Rejects with `DIGEST_MISMATCH` for
   * wrong bytes, `DISK_FULL` where there is no room.
   */
  take(arrival: Arrival): Promise<boolean>
  /** Resolves when what was taken so far counts: certificates, edges, wants. */
  settled(): Promise<void>
  /** Blobs that known schema needs and that are not here, ascending. */
  wants(): AsyncIterable<BlobRef>
  /** Bytes that may be stored before this device goes below its reserve; negative when it is below. */
  room(): Promise<number>
}

/** What a peer has sent. The bytes are the caller's again when it is taken. */
export interface Arrival {
  readonly from: KeyId
  readonly set: SetName | 'data'
  readonly bytes: Uint8Array
  /** What it was asked for by; undefined for a claim that was pushed. */
  readonly ref?: BlobRef
}

/** The two sets that devices compare. */
export interface SetSource {
  /** This device's refs of a set, ascending. */
  enumerate(set: SetName): AsyncIterable<{ readonly ref: BlobRef }>
  /** Calls back after the sets changed; what is told twice changes nothing. Returns what stops it. */
  onMembers(listener: (changes: readonly MemberChange[]) => void): () => void
}

export interface MemberChange {
  readonly set: SetName
  readonly ref: BlobRef
  readonly isMember: boolean
}

/** Who may come in, and how this device calls itself. */
export interface Membership {
  readonly self: KeyId
  readonly name: () => string
  /** True for the owner's devices that are not revoked. */
  isMember(key: KeyId): boolean
  /** All devices but this one that are to be called. */
  members(): readonly KeyId[]
  /** Calls back when membership changed; returns what stops it. */
  onChange(listener: () => void): () => void
  /** Addresses to call a device at: those that it told of itself, then those that others told of. */
  addresses(key: KeyId): Promise<readonly string[]>
  /** Those alone that it told of itself. */
  toldAddresses(key: KeyId): Promise<readonly string[]>
  /** Keeps what a device told of itself. */
  remember(key: KeyId, addresses: readonly string[]): Promise<void>
  /** Keeps what another device told of it; answers whether that is news. */
  hear(key: KeyId, addresses: readonly string[]): Promise<boolean>
}
