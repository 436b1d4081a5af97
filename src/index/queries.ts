import type { BlobRef } from '../blob/ref.ts'
import type { LogPosition, SizedRef } from '../blob/store.ts'
import type {
  AttributeClaim,
  ClaimBody,
  FileFacts,
  Nanoseconds,
  ShareClaim,
} from '../schema/schema-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import type { DocumentTables } from './document-tables.ts'
import type { FileRow } from './rows.ts'

/**
 * What can be asked about the blobs of a store. Everything here is a cache over blobs: it is rebuilt
 * from the store's schema log alone, row for row the same, whatever order the blobs came in.
 *
 * The index follows the log by itself (`wake` tells it that there is more) and commits rows together
 * with the log position they are from, so a crash leaves it behind, never wrong. Questions are
 * answered from what is committed; `catchUp` first, to see one's own writes.
 *
 * Claims act only when their signature verifies and their signer is one of the owner's keys
 * (`trust`). All others are kept, and without effect. Absent is undefined or an empty iteration.
 */
export interface Index extends AsyncDisposable {
  /** Says that the log has grown. Returns at once; bounded work goes on behind it. */
  wake(): void
  /** Resolves once all that was durable in the log when called is in the index. */
  catchUp(): Promise<void>

  /** The state of a permanode, or as it was at `at` (claims dated after it are not seen). */
  permanode(ref: BlobRef, at?: Nanoseconds): Promise<PermanodeState | undefined>
  /** The states of own permanodes where they are at hand, in the order of `refs`; ask `permanode` for the others. */
  settled(refs: readonly BlobRef[]): Promise<readonly (PermanodeState | undefined)[]>
  /** Every acting claim on a permanode, or aimed at the claim or permanode `ref`, oldest first. */
  claims(ref: BlobRef): AsyncIterable<IndexedClaim>
  /** The share that the blob `ref` is; undefined when it is none, or one without effect: forged, foreign, not due. */
  share(ref: BlobRef): Promise<IndexedShare | undefined>
  /** All acting shares, in the order of their targets. Looks through the claims. */
  shares(): AsyncIterable<IndexedShare>
  /** The acting planned permanode of this key: of several the smallest ref. */
  plannedPermanode(key: string): Promise<BlobRef | undefined>
  /** Permanodes, deleted ones too, in ascending order. */
  permanodes(after?: BlobRef): AsyncIterable<BlobRef>

  /**
   * Permanodes of which any claim ever said that `attribute` is `value`, in order: all that have, or had, the value are
   * among them, foreign ones too.
   */
  permanodesSaid(attribute: string, value: string): AsyncIterable<BlobRef>
  /** Own permanodes with their states as they are now, in order; undefined where a row is too large to hold one. */
  states(): AsyncIterable<readonly [ref: BlobRef, state: PermanodeState | undefined]>
  /** The search tables, with all that is committed in them; undefined while much of that is not. */
  documents(): Promise<DocumentTables | undefined>
  /** Files of which anybody said that this is the digest of their content, in order; `facts` tells whose word counts. */
  filesOfContent(wholeRef: string): AsyncIterable<BlobRef>

  /** All backups that are not deleted, by device, then name. */
  backups(): AsyncIterable<Backup>
  /** A backup's snapshots, oldest first: every `camliContent` that a live claim ever set. */
  snapshots(backup: BlobRef): AsyncIterable<Snapshot>

  /** What blobs of the log that are here refer to: of each in order of the refs, blob after blob. */
  edgesFrom(refs: readonly BlobRef[]): AsyncIterable<BlobRef>
  /** Schema blobs that refer to `ref`, in order. */
  edgesTo(ref: BlobRef): AsyncIterable<BlobRef>
  /**
   * Schema blobs that cannot do without one of `refs`: as long as they are here, it is missing when it is not. In the
   * order of what is needed; the same may be named twice.
   */
  needers(refs: readonly BlobRef[]): AsyncIterable<MissingBlob>
  /** What own devices say about a file's content. */
  facts(file: BlobRef): Promise<FileFacts | undefined>
  /** Type and size of a blob of the schema log: a `camliType`, or `key` for a public key. */
  meta(ref: BlobRef): Promise<MetaInfo | undefined>
  /**
   * The refs of the log in ascending order: `claims` are keys, and claims, permanodes and facts by own keys
   * (of a revoked one, those listed), and the permanodes that say whom certificates and revocations mean; `schema` is what is not signed. What two devices compare.
   */
  enumerateMeta(kind: MetaKind, after?: BlobRef): AsyncIterable<SizedRef>

  /** Blobs that known schema needs and that are not here, in ascending order of `needed`. */
  missing(after?: BlobRef): AsyncIterable<MissingBlob>
  /** Says that blobs are here now; their rows go from `missing`. For data blobs, which no log brings. */
  arrived(refs: readonly BlobRef[]): Promise<void>
  /** Says that blobs are gone (damaged, quarantined): they are missing again if schema needs them. */
  lost(refs: readonly BlobRef[]): Promise<void>

  /** Whether `enumerateMeta` of the kind names the blob. */
  isMember(kind: MetaKind, ref: BlobRef): Promise<boolean>
  /**
   * Whether a blob signed by this key may be kept: the key is own, and if it is revoked, the blob is listed. Or it
   * is the permanode that a certificate or revocation which stands is about, whoever signed that.
   */
  mayStore(signer: KeyId, ref: BlobRef): Promise<boolean>
  /** What is known that this key signed and that counts now, in no order: what a revocation of it must list. */
  signedBy(key: KeyId): AsyncIterable<BlobRef>
  /**
   * What is here and signed by keys that are nobody's, by key: it would count if they were adopted. Looks through at
   * most `rowsMax` rows.
   */
  sleeping(rowsMax?: number): Promise<readonly SleepingKey[]>
  /** What revoked keys signed and no revocation lists, in order. */
  disputed(after?: BlobRef): AsyncIterable<DisputedBlob>
  /**
   * Calls back after each commit that changed the sets of `enumerateMeta`; returns what stops it. One that is
   * named as a member may have been one already.
   */
  onMembers(listener: (changes: readonly MemberChange[]) => void): () => void
  /**
   * As of when the sets of `enumerateMeta` are: within one epoch the members are those at an earlier position,
   * and what of the log behind that is one.
   */
  memberVersion(): Promise<MemberVersion>

  readonly trust: Trust
  /** The latest date of any acting claim that is due: what the hybrid clock must exceed. */
  latestClaimDate(): Promise<Nanoseconds>
  counts(): Promise<IndexCounts>
  close(): Promise<void>
}

/** Whose key is whose: folded from certificates and revocations. Answers are as of the last commit, in memory. */
export interface Trust {
  readonly owner: KeyId
  /** True for the owner's key and every key that a certificate makes the owner's, also a revoked one. */
  isOwn(key: KeyId): boolean
  /** True for keys of which only what is listed counts. Such a device is to be talked to no more. */
  isRevoked(key: KeyId): boolean
  /** True for the owner's key and those of admins that are not revoked. */
  isAdmin(key: KeyId): boolean
  /** Not those of adopted keys, which are no devices. */
  devices(): readonly Device[]
  /** Keys whose claims count as the owner's and that are no device's, revoked ones too. */
  adopted(): readonly AdoptedKey[]
  /** Calls back after each change; returns what stops it. */
  onChange(listener: () => void): () => void
}

/** A key that is the owner's, by a certificate. */
interface KnownKey {
  readonly keyId: KeyId
  /** The blob of the public key. */
  readonly keyRef: BlobRef
  readonly permanode: BlobRef
  readonly name: string
  /** When it was certified. */
  readonly since: Nanoseconds
  /** Thrown out: of what it signed, only what the revocations list counts. */
  readonly isRevoked: boolean
}

export interface Device extends KnownKey {
  readonly role: DeviceRole
  /** Given up: nobody waits for it any more. */
  readonly isRetired: boolean
}

export interface AdoptedKey extends KnownKey {
  readonly role: 'adopted'
}

export type DeviceRole = 'admin' | 'device'

export interface PermanodeState {
  readonly ref: BlobRef
  readonly signer: KeyId
  /** False for a permanode that no own key signed: its state is empty. */
  readonly isOwn: boolean
  readonly key: string | undefined
  readonly isDeleted: boolean
  /** Values by attribute; attributes without a value are not listed. */
  readonly attributes: ReadonlyMap<string, readonly string[]>
  /** Date of the latest claim with effect, or of the permanode itself. */
  readonly modified: Nanoseconds
}

export interface IndexedClaim {
  /** The blob (of several that are one claim, the smallest ref). */
  readonly ref: BlobRef
  readonly signer: KeyId
  readonly date: Nanoseconds
  readonly body: ClaimBody | AttributeClaim
  /** True when a delete claim that is not itself deleted names it. */
  readonly isDeleted: boolean
}

export interface IndexedShare extends IndexedClaim {
  readonly body: ShareClaim
}

export interface Backup {
  readonly permanode: BlobRef
  readonly device: KeyId
  readonly name: string
}

export interface Snapshot {
  readonly content: BlobRef
  readonly claim: BlobRef
  readonly date: Nanoseconds
}

/** What is here of a key that is nobody's. */
export interface SleepingKey {
  /** Undefined where the key itself is not here, so that nothing by it is verified. */
  readonly keyId: KeyId | undefined
  /** A blob of the public key; undefined where it is lost. */
  readonly keyRef: BlobRef | undefined
  /** Signed blobs: claims, permanodes, facts. */
  readonly signed: number
  readonly claims: number
  /** Whether there may be more, which were not looked through. */
  readonly isAtLeast: boolean
}

export interface DisputedBlob {
  readonly ref: BlobRef
  readonly signer: KeyId
  readonly date: Nanoseconds
  /** The permanode or target of a claim. */
  readonly about: BlobRef | undefined
}

/** A blob that came into one of the sets that two devices compare, or went. */
export interface MemberChange {
  readonly set: MetaKind
  readonly ref: BlobRef
  readonly isMember: boolean
}

export interface MemberVersion {
  readonly epoch: string
  readonly position: LogPosition | undefined
}

interface MetaInfo {
  readonly type: string
  readonly size: number
  /** What a `file` blob says. */
  readonly file?: FileRow | undefined
}

export type MetaKind = 'claims' | 'schema'

/** A blob that another one needs. */
export interface MissingBlob {
  readonly needed: BlobRef
  /** One of the schema blobs that need it. */
  readonly by: BlobRef
}

interface IndexCounts {
  readonly metaBlobs: number
  readonly claims: number
  readonly permanodes: number
  readonly missing: number
}
