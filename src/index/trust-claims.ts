import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import { devicePermanodeKey } from '../schema/well-known.ts'
import { metaOf } from './evaluate.ts'
import {
  type CertificateClaim,
  type KeyRole,
  type RevocationClaim,
  type TrustClaim,
  type TrustClaims,
  adminsOf,
  revokedByOwner,
} from './trust-fold.ts'

/** What every planned key of a device's permanode begins with. */
export const devicePermanodePrefix: string = devicePermanodeKey('' as KeyId)

/** The certificates and revocations of those who may make any. */
export async function readTrustClaims(rows: KeyValue, owner: KeyId): Promise<TrustClaims> {
  const ofOwner = await claimsBy(rows, owner, async () => true)
  const certificates = [...ofOwner.certificates]
  const revocations = [...ofOwner.revocations]
  const thrownOut = revokedByOwner(owner, revocations)
  for (const admin of adminsOf(owner, ofOwner.certificates)) {
    // The owner's are read already, whatever they say of the owner's own key.
    if (admin === owner) continue
    const isListed = async (id: string): Promise<boolean> =>
      thrownOut.has(admin) && (await rows.get(`stays|${admin}|${id}`)) !== undefined
    const ofAdmin = await claimsBy(rows, admin, isListed)
    certificates.push(...ofAdmin.certificates)
    revocations.push(...ofAdmin.revocations)
  }
  return { certificates, revocations }
}

type IsListed = (id: string) => Promise<boolean>

async function claimsBy(rows: KeyValue, signer: KeyId, isListed: IsListed): Promise<TrustClaims> {
  const certificates: CertificateClaim[] = []
  for await (const [key, role] of rows.scan(prefixRange(`cert|${signer}|`)))
    certificates.push({ ...(await trustClaim(rows, key, isListed)), role: role as KeyRole })
  const revocations: RevocationClaim[] = []
  for await (const [key, manifest] of rows.scan(prefixRange(`revoke|${signer}|`)))
    revocations.push({ ...(await trustClaim(rows, key, isListed)), manifest: manifest as BlobRef })
  return { certificates, revocations }
}

async function trustClaim(rows: KeyValue, key: string, isListed: IsListed): Promise<TrustClaim> {
  const [, signer, permanode, date, id] = key.split('|') as [string, KeyId, BlobRef, string, string]
  const device = deviceOf((await metaOf(rows, permanode))?.signed?.plannedKey)
  return { signer, device, permanode, date, isListed: await isListed(id) }
}

/** The key that a device's permanode is about; planned keys are any text, so what is no key id is none. */
function deviceOf(plannedKey: string | undefined): KeyId | undefined {
  if (plannedKey?.startsWith(devicePermanodePrefix) !== true) return undefined
  const keyId = plannedKey.slice(devicePermanodePrefix.length)
  return keyIdPattern.test(keyId) ? (keyId as KeyId) : undefined
}

const keyIdPattern = /^(?:ed25519-[0-9a-f]{64}|openpgp-[0-9a-f]{40})$/
