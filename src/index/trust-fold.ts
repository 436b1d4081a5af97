import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import type { DeviceRole } from './queries.ts'

/** A claim that gives a device a role. */
export interface CertificateClaim {
  readonly signer: KeyId
  /** Whose permanode it stands on. */
  readonly device: KeyId
  readonly permanode: BlobRef
  readonly role: DeviceRole
  /** As `dateText` writes it. */
  readonly date: string
}

/** A device that is the owner's, and since when. */
export interface CertifiedDevice {
  readonly role: DeviceRole
  readonly since: string
  /** The smallest permanode that a certificate stands on. */
  readonly permanode: BlobRef
}

/**
 * Whose key is whose: a function of the certificates alone, whatever their order and date. The owner
 * makes admins and devices, admins make devices, a certificate by anyone else is nothing. No later
 * certificate takes an earlier one back.
 */
export function foldTrust(
  owner: KeyId,
  certificates: readonly CertificateClaim[],
): Map<KeyId, CertifiedDevice> {
  const byOwner = certificates.filter(claim => claim.signer === owner)
  const admins = adminsOf(owner, certificates)
  const byAdmins = certificates.filter(claim => admins.has(claim.signer) && claim.role === 'device')
  const devices = new Map<KeyId, CertifiedDevice>()
  for (const claim of [...byOwner, ...byAdmins]) {
    if (claim.device !== owner) devices.set(claim.device, joined(devices.get(claim.device), claim))
  }
  return devices
}

/** The keys that the owner made admins. */
export function adminsOf(owner: KeyId, certificates: readonly CertificateClaim[]): Set<KeyId> {
  const made = certificates.filter(claim => claim.signer === owner && claim.role === 'admin')
  return new Set(made.map(claim => claim.device))
}

function joined(known: CertifiedDevice | undefined, claim: CertificateClaim): CertifiedDevice {
  const { role, date: since, permanode } = claim
  if (known === undefined) return { role, since, permanode }
  return {
    role: known.role === 'admin' ? 'admin' : role,
    since: since < known.since ? since : known.since,
    permanode: permanode < known.permanode ? permanode : known.permanode,
  }
}
