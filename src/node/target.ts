import { PeerkeepError } from '../base/errors.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { Backup, Index, Snapshot } from '../index/queries.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import { deviceName } from './device-name.ts'
import { parseWhen, pickSnapshot, type When } from './when.ts'

/** A place in a backup or under a ref: what `ls`, `restore` and `diff` are given. */
export interface Target {
  /** The directory or file blob that PATH is inside of. */
  readonly root: BlobRef
  /** Path below the root, names joined by `/`; empty for the root itself. */
  readonly path: string
  /** Undefined when the target was a ref. */
  readonly backup: Backup | undefined
  readonly date: Nanoseconds | undefined
}

/**
 * Finds what `N[@WHEN][/PATH]` or `REF[/PATH]` names. Throws `NOT_FOUND` or `AMBIGUOUS` with the
 * names there are, `BAD_USAGE` for a WHEN that is none.
 */
export async function resolveTarget(index: Index, text: string, now: number): Promise<Target> {
  const slash = text.indexOf('/')
  const head = slash < 0 ? text : text.slice(0, slash)
  const path = slash < 0 ? '' : text.slice(slash + 1).replace(/\/+$/, '')
  if (isBlobRef(head)) return resolveRef(index, head, path)
  const at = head.lastIndexOf('@')
  const name = at < 0 ? head : head.slice(0, at)
  const when: When = at < 0 ? { kind: 'latest' } : parseWhen(head.slice(at + 1), now)
  const backup = await resolveBackup(index, name)
  const snapshot = pickSnapshot(await snapshotsOf(index, backup.permanode), when)
  if (!snapshot) {
    const kept = at < 0 ? '' : ` at ${head.slice(at + 1)}`
    throw new PeerkeepError(
      'NOT_FOUND',
      `${name} has no snapshot${kept}; 'peerkeep snapshots' lists them`,
    )
  }
  return { root: snapshot.content, path, backup, date: snapshot.date }
}

async function resolveRef(index: Index, ref: BlobRef, path: string): Promise<Target> {
  const state = await index.permanode(ref)
  const content = state?.attributes.get('camliContent')?.at(-1)
  if (!state) return { root: ref, path, backup: undefined, date: undefined }
  if (!isBlobRef(content)) {
    throw new PeerkeepError('NOT_FOUND', `the permanode ${ref} has no content (camliContent)`)
  }
  return { root: content, path, backup: undefined, date: state.modified }
}

/** The backup that `DEVICE:NAME`, a NAME or a permanode's ref names. */
export async function resolveBackup(index: Index, name: string): Promise<Backup> {
  const fitting: Backup[] = []
  const all: string[] = []
  for await (const backup of index.backups()) {
    const full = backupName(index, backup)
    all.push(full)
    if (name === full || name === backup.name || name === backup.permanode) fitting.push(backup)
  }
  const [only, second] = fitting
  if (only && !second) return only
  if (only) {
    const names = fitting.map(backup => backupName(index, backup)).join(', ')
    throw new PeerkeepError('AMBIGUOUS', `${name} may be ${names}; say which`)
  }
  const known = all.length === 0 ? 'there are none yet' : `there are ${all.join(', ')}`
  throw new PeerkeepError('NOT_FOUND', `there is no backup ${name}; ${known}`)
}

/** `DEVICE:NAME`, with the name that the device has now. */
export function backupName(index: Index, backup: Backup): string {
  return `${deviceName(index, backup.device)}:${backup.name}`
}

export async function snapshotsOf(index: Index, permanode: BlobRef): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = []
  for await (const snapshot of index.snapshots(permanode)) snapshots.push(snapshot)
  return snapshots
}
