import type { KeyId } from './signer.ts'

/**
 * Attributes and planned-permanode keys by which Peerkeep finds its own permanodes. They are part
 * of the format: docs/formats.md explains them.
 */

/** Attribute of a device's permanode, set by the owner (`admin`) or by an admin (`device`, `adopted`): the certificate. */
export const ROLE_ATTRIBUTE = 'peerkeepRole'
/** Attribute of a device's permanode, set by the owner or an admin: a static-set of what stays valid of what its key signed. */
export const REVOKED_ATTRIBUTE = 'peerkeepRevoked'
/** Attribute of a device's permanode, `true` when nobody waits for the device any more. */
export const RETIRED_ATTRIBUTE = 'peerkeepRetired'
/** Attribute of a device's permanode: the ref of its public key blob. */
export const KEY_ATTRIBUTE = 'peerkeepKey'
/** Attribute of a backup's permanode: its name on its device. */
export const BACKUP_ATTRIBUTE = 'peerkeepBackup'
/** Attribute of a backup's permanode: the KeyId of the device whose folder it is. */
export const BACKUP_DEVICE_ATTRIBUTE = 'peerkeepDevice'
/** Attribute of a backup's permanode, one claim a snapshot. */
export const CONTENT_ATTRIBUTE = 'camliContent'
export const TITLE_ATTRIBUTE = 'title'

/** Attribute of a revoked device's permanode: tells which secret the other devices share from then on. */
export const GROUP_ATTRIBUTE = 'peerkeepGroup'
/** Attributes of a device's holdings: behind this, the permanode of a backup; the value is a snapshot that is held whole. */
export const HELD_ATTRIBUTE_PREFIX = 'peerkeepHolds:'
/** Attribute of a device's loose blobs, added by a claim for each: a static-set of blobs that came raw. */
export const LOOSE_ATTRIBUTE = 'peerkeepLoose'

export function devicePermanodeKey(device: KeyId): string {
  return `peerkeep:device:${device}`
}

export function backupPermanodeKey(device: KeyId, name: string): string {
  return `peerkeep:backup:${device}:${name}`
}

/** What a device holds stands on a permanode of its own: it changes with every backup, what makes a device does not. */
export function holdingsPermanodeKey(device: KeyId): string {
  return `peerkeep:holds:${device}`
}

/** The permanode of what came to a device raw and no claim reaches. */
export function loosePermanodeKey(device: KeyId): string {
  return `peerkeep:loose:${device}`
}
