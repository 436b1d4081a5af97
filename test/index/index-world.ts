import { hash } from 'node:crypto'

import type { KeyValue } from '../../src/base/key-value.ts'
import { silentLog } from '../../src/base/log.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobStore, SchemaLog } from '../../src/blob/store.ts'
import type { DocumentTables } from '../../src/index/document-tables.ts'
import { openMemoryDocuments } from '../../src/index/memory-documents.ts'
import { openIndex } from '../../src/index/open-index.ts'
import type { Index } from '../../src/index/queries.ts'
import { makeClaim, makePermanode } from '../../src/schema/claims.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import type { AttributeClaim, Nanoseconds } from '../../src/schema/schema-blob.ts'
import type { KeyId, Signer } from '../../src/schema/signer.ts'
import { type SimClock, openSimClock } from '../sim/sim-clock.ts'

/** A signer whose key depends on its name alone. */
export function signerNamed(name: string): Signer {
  return bulkSigner(hash('sha256', name, 'buffer'))
}

export const owner: Signer = signerNamed('owner')

/** The clock's start, in whole seconds after it: dates that are due at once. */
export function at(seconds: number): Nanoseconds {
  return BigInt(Date.UTC(2025, 0, 1)) * 1_000_000n + BigInt(seconds) * 1_000_000_000n
}

export function planned(key: string, signer: Signer, date: Nanoseconds = at(0)): Uint8Array {
  return makePermanode({ key }, signer, date)
}

/** A set-attribute claim, or with `claimType` another one. */
export function attribute(
  permanode: BlobRef,
  [name, value]: readonly [name: string, value?: string | undefined],
  { signer, date, claimType = 'set-attribute' }: AttributeOptions,
): Uint8Array {
  return makeClaim({ claimType, permanode, attribute: name, value }, signer, date)
}

interface AttributeOptions {
  readonly signer: Signer
  readonly date: Nanoseconds
  readonly claimType?: AttributeClaim['claimType']
}

export function deletion(target: BlobRef, signer: Signer, date: Nanoseconds): Uint8Array {
  return makeClaim({ claimType: 'delete', target }, signer, date)
}

/** The same signed bytes in other blobs. */
export function twinOf(blob: Uint8Array, spaces: number): Uint8Array {
  return Buffer.concat([blob, Buffer.from(' '.repeat(spaces))])
}

export interface World {
  readonly store: BlobStore & SchemaLog
  readonly rows: KeyValue
  readonly clock: SimClock
  readonly index: Index
  /** Stores blobs, and lets the index catch up. */
  readonly add: (...blobs: readonly Uint8Array[]) => Promise<void>
}

export interface WorldOptions {
  readonly rows?: KeyValue
  readonly owner?: KeyId
  readonly groupBlobsMax?: number
  readonly pieceMax?: number
  readonly store?: BlobStore & SchemaLog
  readonly documents?: DocumentTables
}

/** An index over a store in memory. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const store = options.store ?? openMemoryStore({ classify: classifyBlob })
  const rows = options.rows ?? openMemoryKeyValue()
  const clock = openSimClock()
  const index = await openIndex({
    documents: options.documents ?? openMemoryDocuments(),
    rows,
    log: store,
    stat: refs => store.stat(refs),
    fetch: ref => store.fetch(ref),
    owner: options.owner ?? owner.keyId,
    clock,
    messages: silentLog,
    groupBlobsMax: options.groupBlobsMax,
    pieceMax: options.pieceMax,
  })
  const door = openDoor(store, () => undefined)
  return {
    store,
    rows,
    clock,
    index,
    async add(...blobs) {
      for (const blob of blobs) await door.receive(blob)
      await index.catchUp()
    },
  }
}

/** All rows but the position, which is the store's, and those that are of the way there. */
export async function rowsOf(rows: KeyValue): Promise<(readonly [string, string])[]> {
  return (await Array.fromAsync(rows.scan())).filter(
    ([key]) => !['position', 'epoch', 'documents'].includes(key) && !/^(awaits|early)\|/.test(key),
  )
}

/** What `refOf` says, for many. */
export function refsOf(blobs: readonly Uint8Array[]): BlobRef[] {
  return blobs.map(blob => refOf(blob))
}
