import type { BigIntStats } from 'node:fs'

import type { NodeFields } from '../schema/schema-blob.ts'

/** What of an inode goes into its blob: `put` writes Perkeep's keys, `backup` leaves the ctime out. */
export type SnapshotMode = 'backup' | 'put' | 'contents-only'

/** Names of users and groups by their numbers. */
export interface OwnerNames {
  readonly users: ReadonlyMap<number, string>
  readonly groups: ReadonlyMap<number, string>
}

export interface FieldSource {
  readonly mode: SnapshotMode
  readonly owners: OwnerNames
}

/** The common keys of a blob for the entry `name`. */
export function nodeFieldsOf(
  name: Uint8Array,
  stat: BigIntStats,
  { mode, owners }: FieldSource,
): NodeFields {
  if (mode === 'contents-only') return {}
  const [ownerId, groupId] = [Number(stat.uid), Number(stat.gid)]
  const special = Number(stat.mode & 0o7000n)
  return {
    name,
    permission: stat.isSymbolicLink() ? undefined : Number(stat.mode & 0o777n),
    specialMode: mode === 'backup' && special !== 0 ? special : undefined,
    ownerId,
    groupId,
    owner: owners.users.get(ownerId),
    group: owners.groups.get(groupId),
    mtime: stat.mtimeNs,
    ctime: mode === 'put' ? putCtime(stat) : undefined,
  }
}

/** As Perkeep on Linux: not where it says no more than the mtime, nor one within the first second of 1970. */
function putCtime({ ctimeNs, mtimeNs }: BigIntStats): bigint | undefined {
  const isTold = ctimeNs !== mtimeNs && ctimeNs / 1_000_000_000n !== 0n
  return isTold ? ctimeNs : undefined
}

/** All that tells whether a file is still the one that was stored. */
export function signatureOf(stat: BigIntStats, mode: SnapshotMode): string {
  const { size, mtimeNs, ctimeNs, ino, dev, mode: bits, uid, gid } = stat
  return [mode, size, mtimeNs, ctimeNs, ino, dev, bits, uid, gid].join(':')
}
