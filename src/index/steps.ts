import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { LogPosition } from '../blob/store.ts'
import type { KeyId } from '../schema/signer.ts'
import type { Ground } from './evaluate.ts'
import { openKeyBlobs } from './key-blobs.ts'
import type { Stat } from './missing.ts'
import type { Trust } from './queries.ts'
import { type RawBlob, type ReadBlob, readBlobs } from './read-blob.ts'
import { lastField } from './rows.ts'
import {
  draftOfDirty,
  draftOfDue,
  draftOfGone,
  draftOfTrust,
  draftOfTrusted,
  nextKeys,
} from './settle.ts'
import { draftOfGroup } from './take-group.ts'
import { openTrust, readDevices, readRoles } from './trust.ts'
import type { Writer } from './writer.ts'

export interface StepParts {
  readonly rows: KeyValue
  readonly stat: Stat
  readonly fetch: (ref: BlobRef) => Promise<Uint8Array | undefined>
  readonly owner: KeyId
}

/** The batches that a pass is made of. Those that answer a boolean did nothing when it is false. */
export interface Steps {
  readonly trust: Trust
  readonly ground: Ground
  /** Makes claims act that are dated up to `dueUntil`. */
  readonly release: (dueUntil: string) => Promise<boolean>
  /** Reads and verifies; may run while another group is taken. */
  readonly read: (blobs: readonly RawBlob[]) => Promise<ReadBlob[]>
  /** Takes a group of the log in. */
  readonly take: (group: Taken) => Promise<void>
  /** Takes up some of what waits for a key that has come. */
  readonly takeWaiting: (dueUntil: string) => Promise<boolean>
  /** Finds out whose keys act, when that may have changed. */
  readonly refreshTrust: () => Promise<boolean>
  /** Marks some of what a newly trusted key touched. */
  readonly markTrusted: () => Promise<boolean>
  /** Folds some of the permanodes that are marked. */
  readonly fold: () => Promise<boolean>
}

interface Taken {
  readonly blobs: readonly ReadBlob[]
  readonly dueUntil: string
  readonly position?: LogPosition
}

export function openSteps(parts: StepParts, writer: Writer): Steps {
  const { rows, stat, owner } = parts
  const { trust, setTrust } = openTrust(owner)
  const keyBlobs = openKeyBlobs(rows)
  const ground: Ground = { rows, isOwn: key => trust.isOwn(key), horizon: () => writer.horizon() }
  let isTrustStale = true

  async function refreshTrust(): Promise<boolean> {
    if (!isTrustStale) return false
    isTrustStale = false
    const roles = await readRoles(rows, owner)
    const isOwn: Ground['isOwn'] = key => key === owner || roles.has(key)
    const devices = await readDevices({ ...ground, isOwn }, roles)
    await writer.write(async () => draftOfTrust(rows, roles.keys()))
    setTrust({ roles, devices })
    return true
  }

  const read: Steps['read'] = async blobs => readBlobs(blobs, keyBlobs)

  async function take({ blobs, dueUntil, position }: Taken): Promise<void> {
    await writer.write(async () => {
      const permanodes = new Set(trust.devices().map(device => device.permanode))
      const isDevicePermanode = (ref: BlobRef): boolean => permanodes.has(ref)
      const taking = { rows, stat, isOwn: ground.isOwn, isDevicePermanode, dueUntil }
      const { draft, isTrustTouched } = await draftOfGroup(taking, blobs, position)
      if (isTrustTouched) isTrustStale = true
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
      const bytes = await parts.fetch(ref)
      if (bytes) blobs.push({ ref, bytes })
      else gone.push(wait)
    }
    if (blobs.length > 0) await take({ blobs: await read(blobs), dueUntil })
    await writer.write(async () => draftOfGone(rows, waits.length === 0 ? [todo] : gone))
    return true
  }

  async function fold(): Promise<boolean> {
    return writer.write(async () => {
      const folded = await draftOfDirty(ground)
      if (folded?.isDeviceTouched === true) isTrustStale = true
      return folded?.draft
    })
  }

  return {
    trust,
    ground,
    release: async dueUntil => writer.write(async () => draftOfDue(ground, dueUntil)),
    read,
    take,
    takeWaiting,
    refreshTrust,
    markTrusted: async () => writer.write(async () => draftOfTrusted(rows)),
    fold,
  }
}
