import { PeerkeepError } from '../base/errors.ts'
import { type BlobRef, refOf } from '../blob/ref.ts'
import { readKeyBlob } from '../schema/key-blob.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import { splitSigned, verifySigned } from '../schema/signed-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import { devicePermanodeKey, ROLE_ATTRIBUTE } from '../schema/well-known.ts'
import type { Admission } from './pairing.ts'

interface Role {
  readonly signer: KeyId
  readonly device: string
  readonly role: string
}

/**
 * Holds what a newcomer was given against the owner's key: some chain of role claims must lead from that key to the
 * newcomer's. Rejects with `BAD_CLAIM`.
 */
export async function verifyAdmission(
  admission: Admission,
  self: KeyId,
): Promise<{ owner: KeyId }> {
  const owner = readKeyBlob(admission.ownerKeyBlob)?.keyId
  if (owner === undefined)
    throw new PeerkeepError('BAD_CLAIM', 'the other device sent no owner key')
  const roles = await readRoles(admission)
  const admins = new Set<string>([owner])
  for (const { signer, device, role } of roles) {
    if (signer === owner && role === 'admin') admins.add(device)
  }
  const isCertified = roles.some(({ signer, device }) => device === self && admins.has(signer))
  if (!isCertified)
    throw new PeerkeepError('BAD_CLAIM', 'the other device did not certify this one')
  return { owner }
}

/** The role claims among the blobs whose signatures are right. */
async function readRoles({ blobs, ownerKeyBlob }: Admission): Promise<Role[]> {
  const byRef = new Map<BlobRef, Uint8Array>(
    [ownerKeyBlob, ...blobs].map(bytes => [refOf(bytes), bytes]),
  )
  const roles: Role[] = []
  for (const bytes of blobs) {
    const schema = parseSchema(bytes)
    const signed = splitSigned(bytes)
    if (schema?.type !== 'claim' || !signed || schema.claim.claimType !== 'set-attribute') continue
    const { attribute, permanode, value } = schema.claim
    const anchor = parseSchema(byRef.get(permanode) ?? new Uint8Array())
    const keyBlob = byRef.get(signed.signer)
    if (attribute !== ROLE_ATTRIBUTE || anchor?.type !== 'permanode' || !keyBlob) continue
    const signer = await verifySigned(signed, keyBlob)
    const device = anchor.key?.slice(devicePermanodeKey('' as KeyId).length) ?? ''
    if (anchor.key === devicePermanodeKey(device as KeyId))
      roles.push({ signer, device, role: value ?? '' })
  }
  return roles
}
