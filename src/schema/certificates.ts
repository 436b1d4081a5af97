import { refOf } from '../blob/ref.ts'
import type { BlobRef } from '../blob/ref.ts'
import { makeClaim, makePermanode } from './claims.ts'
import type { AttributeClaim, Nanoseconds } from './schema-blob.ts'
import type { KeyId, Signer } from './signer.ts'
import { writeStaticSet } from './static-set.ts'
import {
  KEY_ATTRIBUTE,
  RETIRED_ATTRIBUTE,
  REVOKED_ATTRIBUTE,
  ROLE_ATTRIBUTE,
  TITLE_ATTRIBUTE,
  devicePermanodeKey,
} from './well-known.ts'

/** What a key may do: an admin's also pairs and revokes devices; an adopted one signs, and is no device's. */
type KeyRole = 'admin' | 'device' | 'adopted'

/** What a certificate says of a device. */
export interface Certificate {
  readonly device: Pick<Signer, 'keyId' | 'keyRef'>
  readonly name: string
  readonly role: KeyRole
  /** The device's permanode, where one is known already; otherwise one is made. */
  readonly permanode?: BlobRef | undefined
}

/**
 * The signed blobs that make a device one of the owner's, in the order in which to store them: the role,
 * which is what certifies, comes last. `nextDate` gives a later date at each call.
 */
export function makeCertificate(
  certificate: Certificate,
  certifier: Signer,
  nextDate: () => Nanoseconds,
): Uint8Array[] {
  const known = certificate.permanode
  if (known) return claimsOn(known, certificate, certifier, nextDate)
  const made = makePermanode(
    { key: devicePermanodeKey(certificate.device.keyId) },
    certifier,
    nextDate(),
  )
  return [made, ...claimsOn(refOf(made), certificate, certifier, nextDate)]
}

/** Whom a revocation throws out, and what it leaves. */
export interface Revocation {
  readonly device: KeyId
  /** The signed blobs of that key that stay valid. */
  readonly stays: readonly BlobRef[]
  /** A permanode of the device, whoever signed it, where one is known already; otherwise one is made. */
  readonly permanode?: BlobRef | undefined
}

/**
 * The blobs that revoke a key, in the order in which to store them: the list of what stays valid, split
 * as static-sets are, and last the claim. Of several revocations all lists count.
 */
export function makeRevocation(
  { device, stays, permanode }: Revocation,
  revoker: Signer,
  nextDate: () => Nanoseconds,
): Uint8Array[] {
  const { top, blobs } = writeStaticSet([...new Set(stays)].sort())
  const said = { claimType: 'add-attribute', attribute: REVOKED_ATTRIBUTE, value: top } as const
  return [...blobs, ...sayOf({ device, permanode }, said, { signer: revoker, nextDate })]
}

/** The signed blobs that say that nobody waits for a device any more, in the order in which to store them. */
export function makeRetirement(
  device: Omit<Revocation, 'stays'>,
  retirer: Signer,
  nextDate: () => Nanoseconds,
): Uint8Array[] {
  const said = { claimType: 'set-attribute', attribute: RETIRED_ATTRIBUTE, value: 'true' } as const
  return sayOf(device, said, { signer: retirer, nextDate })
}

/** A claim on a device's permanode, behind that where it has to be made. */
function sayOf(
  { device, permanode }: Omit<Revocation, 'stays'>,
  said: Omit<AttributeClaim, 'permanode'>,
  { signer, nextDate }: { readonly signer: Signer; readonly nextDate: () => Nanoseconds },
): Uint8Array[] {
  if (permanode) return [makeClaim({ ...said, permanode }, signer, nextDate())]
  const made = makePermanode({ key: devicePermanodeKey(device) }, signer, nextDate())
  return [made, makeClaim({ ...said, permanode: refOf(made) }, signer, nextDate())]
}

function claimsOn(
  permanode: BlobRef,
  { device, name, role }: Certificate,
  certifier: Signer,
  nextDate: () => Nanoseconds,
): Uint8Array[] {
  const values = [
    [KEY_ATTRIBUTE, device.keyRef],
    [TITLE_ATTRIBUTE, name],
    [ROLE_ATTRIBUTE, role],
  ] as const
  return values.map(([attribute, value]) =>
    makeClaim({ claimType: 'set-attribute', permanode, attribute, value }, certifier, nextDate()),
  )
}
