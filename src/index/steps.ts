import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Verify } from '../schema/signed-blob.ts'
import type { LogPosition } from '../blob/store.ts'
import type { DocumentTables } from './document-tables.ts'
import { type DocumentSteps, openDocumentSteps } from './document-steps.ts'
import { draftOfDue, draftOfRetraction } from './due.ts'
import { openKeyBlobs } from './key-blobs.ts'
import type { Stat } from './missing.ts'
import { type RawBlob, type ReadBlob, readBlobs } from './read-blob.ts'
import { lastField } from './rows.ts'
import { draftOfGone, nextKeys } from './settle.ts'
import { draftOfGroup } from './take-group.ts'
import { type TrustStepParts, type TrustSteps, openTrustSteps } from './trust-steps.ts'
import type { Writer } from './writer.ts'

export interface StepParts extends TrustStepParts {
  /** Another way to verify signatures than the usual one. */
  readonly verify?: Verify | undefined
  readonly rows: KeyValue
  readonly stat: Stat
  /** Where search finds things; the caller's to close. */
  readonly documents: DocumentTables
  /** A name that no tables have had. */
  readonly newMaker: () => string
}

/** The batches that a pass is made of. Those that answer a boolean did nothing when it is false. */
export interface Steps extends Omit<TrustSteps, 'folded' | 'staleTrust'> {
  /** Begins or goes on to take back what acted by a clock that was ahead. */
  readonly retract: (dueUntil: string) => Promise<boolean>
  /** Makes claims act that are dated up to `dueUntil`. */
  readonly release: (dueUntil: string) => Promise<boolean>
  /** Reads and verifies; may run while another group is taken. */
  readonly read: (blobs: readonly RawBlob[]) => Promise<ReadBlob[]>
  /** Takes a group of the log in. */
  readonly take: (group: Taken) => Promise<void>
  readonly documents: DocumentSteps
  /** Takes up some of what waits for a key that has come. */
  readonly takeWaiting: (dueUntil: string) => Promise<boolean>
}

interface Taken {
  readonly blobs: readonly ReadBlob[]
  readonly dueUntil: string
  readonly position?: LogPosition
}

export function openSteps(parts: StepParts, writer: Writer): Steps {
  const { rows, stat, fetch, pieceMax } = parts
  const { folded, staleTrust, ...trustSteps } = openTrustSteps(parts, writer)
  const { trust, ground, refreshTrust } = trustSteps
  const keyBlobs = openKeyBlobs(rows)

  const read: Steps['read'] = async blobs => readBlobs(blobs, keyBlobs, parts.verify)

  async function take({ blobs, dueUntil, position }: Taken): Promise<void> {
    await writer.write(async () => {
      const permanodes = new Set(
        [...trust.devices(), ...trust.adopted()].map(({ permanode }) => permanode),
      )
      const isDevicePermanode = (ref: BlobRef): boolean => permanodes.has(ref)
      const revoked = [...folded().revoked.keys()]
      const taking = { ...ground, stat, revoked, isDevicePermanode, dueUntil }
      const { draft, isTrustTouched } = await draftOfGroup(taking, blobs, position)
      if (isTrustTouched) staleTrust()
      return draft
    })
    await refreshTrust()
  }

  async function takeWaiting(dueUntil: string): Promise<boolean> {
    const [todo] = await nextKeys(rows, prefixRange('todo|key|'))
    if (todo === undefined) return false
    const waits = await nextKeys(rows, prefixRange(`wait|${lastField(todo)}|`))
    const blobs: RawBlob[] = []
    const gone: string[] = []
    for (const wait of waits) {
      const ref = lastField(wait) as BlobRef
      const bytes = await fetch(ref)
      if (bytes) blobs.push({ ref, bytes })
      else gone.push(wait)
    }
    if (blobs.length > 0) await take({ blobs: await read(blobs), dueUntil })
    await writer.write(async () => draftOfGone(rows, waits.length === 0 ? [todo] : gone))
    return true
  }

  return {
    ...trustSteps,
    documents: openDocumentSteps(
      { ground, fetch, tables: parts.documents, newMaker: parts.newMaker },
      writer,
    ),
    retract: async dueUntil =>
      writer.write(async () => draftOfRetraction(ground, dueUntil, pieceMax)),
    release: async dueUntil => writer.write(async () => draftOfDue(ground, dueUntil)),
    read,
    take,
    takeWaiting,
  }
}
