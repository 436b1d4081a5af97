import type { MemberChange } from '../peer/source.ts'
import type { Clock } from '../base/clock.ts'
import type { FileLayer } from '../base/files.ts'
import type { KeyValue } from '../base/key-value.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { PackStore } from '../blob/pack-store.ts'
import type { Door } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Index } from '../index/queries.ts'
import type { Places } from '../index/places.ts'
import type { Search } from '../index/search.ts'
import type { Verify } from '../schema/signed-blob.ts'
import type { Signer } from '../schema/signer.ts'
import type { Arrivals } from './arrivals.ts'
import type { ClaimWriter } from './claim-writer.ts'
import type { Condemned } from './condemned.ts'
import type { Config } from './config.ts'
import type { HomePaths } from './home.ts'
import type { LooseKeeper } from './loose.ts'
import type { Network } from './network.ts'
import type { Thumbnails } from './thumbnails.ts'

/**
 * An open home: its parts, put together. What `openNode` answers is open; closing it closes the parts
 * in the reverse order and lets the next process have the home.
 */
export interface Node extends AsyncDisposable {
  readonly paths: HomePaths
  readonly config: Config
  /** This device's key; its claims are signed with it. */
  readonly device: Signer
  /** The owner's public key blob. */
  readonly ownerKeyBlob: Uint8Array
  readonly store: PackStore
  readonly door: Door
  /** Another one after `reindex`. */
  readonly index: Index
  /** Over the index, whichever there is. */
  readonly search: Search
  /** Where places are, by name. */
  readonly places: Places
  readonly claims: ClaimWriter
  /** Small pictures of files that are here. */
  readonly thumbnails: Thumbnails
  /** How signatures of what comes from other devices are verified, before the index does. */
  readonly verify: Verify
  readonly arrivals: Arrivals
  /** What came in raw, by whichever way but from another device. */
  readonly loose: LooseKeeper
  /** Durable rows of this device that are in no blob. */
  readonly state: KeyValue
  readonly system: System
  /** The line to other devices; undefined in a process that only runs one command. */
  readonly network: Network | undefined
  /** What somebody asked to remove. */
  readonly condemned: Condemned
  /** Hears of each blob that comes in, once it is durable; returns what stops it. */
  onBlob(listener: (ref: BlobRef) => void): () => void
  /** Hears of what comes into the compared sets and goes, whichever index there is; returns what stops it. */
  onMembers(listener: (changes: readonly MemberChange[]) => void): () => void
  /** Drops the search index and builds it again from the store. */
  reindex(): Promise<void>
  /** Opens the stat cache at the first use. */
  statCache(): Promise<KeyValue>
  close(): Promise<void>
}

/** Time, chance, disk and words to the person: what a node is handed instead of taking it. */
export interface System {
  readonly clock: Clock
  readonly random: Random
  readonly files: FileLayer
  readonly log: Log
}
