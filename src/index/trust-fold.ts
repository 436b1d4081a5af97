import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import type { DeviceRole } from './queries.ts'

/** A device's role, or that of a key that is the owner's and no device's. */
export type KeyRole = DeviceRole | 'adopted'

/** A claim about whose a key is. */
export interface TrustClaim {
  readonly signer: KeyId
  /** Whose permanode it stands on; undefined while that is not here, or when it is no device's. */
  readonly device: KeyId | undefined
  readonly permanode: BlobRef
  /** As `dateText` writes it. */
  readonly date: string
  /** Of a signer whom the owner revoked: that the claim stays valid. */
  readonly isListed: boolean
}

/** A claim that gives a key a role. */
export interface CertificateClaim extends TrustClaim {
  readonly role: KeyRole
}

/** A claim that revokes a key but for what `manifest` lists. */
export interface RevocationClaim extends TrustClaim {
  readonly manifest: BlobRef
}

export interface TrustClaims {
  readonly certificates: readonly CertificateClaim[]
  readonly revocations: readonly RevocationClaim[]
}

/** A key that is the owner's, and since when. */
export interface CertifiedKey {
  readonly role: KeyRole
  readonly since: string
  /** The smallest permanode that a certificate stands on. */
  readonly permanode: BlobRef
}

export interface FoldedTrust {
  readonly roles: ReadonlyMap<KeyId, CertifiedKey>
  /** Keys that are revoked, with all manifests of what stays valid, in order. */
  readonly revoked: ReadonlyMap<KeyId, readonly BlobRef[]>
  /**
   * The permanodes that claims which stand are about, here or not. They are members whoever signed them: another
   * device must know whom these claims mean.
   */
  readonly named: ReadonlySet<BlobRef>
}

/**
 * Whose key is whose: a function of the claims alone, whatever their order and date. It goes down in
 * three steps, of which none asks a later one, so there is no cycle:
 *
 * 1. What the owner's key says of anyone else counts. So it is known who is an admin, and whom the owner revoked.
 * 2. What an admin says of anyone but the owner stands; of an admin whom the owner revoked, only what is
 *    listed. So it is known who is a device or adopted.
 * 3. Whom the standing admins revoked: only keys that are no admin's.
 *
 * No later claim takes an earlier one back, and nothing is undone by a delete.
 */
export function foldTrust(owner: KeyId, claims: TrustClaims): FoldedTrust {
  const stands = standingOf(owner, claims)
  const certificates = claims.certificates.filter(stands)
  const revocations = claims.revocations.filter(stands)
  const named = new Set([...certificates, ...revocations].map(claim => claim.permanode))
  const roles = rolesOf(owner, certificates)
  const revoked = new Map<KeyId, BlobRef[]>()
  for (const { signer, device, manifest } of revocations) {
    if (device === undefined || device === owner) continue
    const role = roles.get(device)?.role
    if (signer !== owner && role !== 'device' && role !== 'adopted') continue
    const known = revoked.get(device) ?? []
    if (!known.includes(manifest)) revoked.set(device, [...known, manifest].sort())
  }
  return { roles, revoked, named }
}

/** The keys that the owner made admins, revoked or not. */
export function adminsOf(owner: KeyId, certificates: readonly CertificateClaim[]): Set<KeyId> {
  return devicesOf(certificates.filter(({ signer, role }) => signer === owner && role === 'admin'))
}

/** The keys that the owner revoked. */
export function revokedByOwner(owner: KeyId, revocations: readonly TrustClaim[]): Set<KeyId> {
  return devicesOf(revocations.filter(({ signer }) => signer === owner))
}

function devicesOf(claims: readonly TrustClaim[]): Set<KeyId> {
  return new Set(claims.map(({ device }) => device).filter(device => device !== undefined))
}

/** Whether a claim is by someone who may make any. */
function standingOf(
  owner: KeyId,
  { certificates, revocations }: TrustClaims,
): (claim: TrustClaim) => boolean {
  const admins = adminsOf(owner, certificates)
  const thrownOut = revokedByOwner(owner, revocations)
  return ({ signer, isListed }) =>
    signer === owner || (admins.has(signer) && (!thrownOut.has(signer) || isListed))
}

function rolesOf(
  owner: KeyId,
  certificates: readonly CertificateClaim[],
): Map<KeyId, CertifiedKey> {
  const roles = new Map<KeyId, CertifiedKey>()
  for (const claim of certificates) {
    const { signer, device, role } = claim
    if (device === undefined || device === owner) continue
    if (signer === owner || role !== 'admin') roles.set(device, joined(roles.get(device), claim))
  }
  return roles
}

const strength: Readonly<Record<KeyRole, number>> = { adopted: 0, device: 1, admin: 2 }

function joined(known: CertifiedKey | undefined, claim: CertificateClaim): CertifiedKey {
  const { role, date: since, permanode } = claim
  if (known === undefined) return { role, since, permanode }
  return {
    role: strength[known.role] > strength[role] ? known.role : role,
    since: since < known.since ? since : known.since,
    permanode: permanode < known.permanode ? permanode : known.permanode,
  }
}
