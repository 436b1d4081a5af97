import { refOf } from '../blob/ref.ts'
import type { BlobRef } from '../blob/ref.ts'
import { makeClaim, makePermanode } from './claims.ts'
import type { Nanoseconds } from './schema-blob.ts'
import type { Signer } from './signer.ts'
import { KEY_ATTRIBUTE, ROLE_ATTRIBUTE, TITLE_ATTRIBUTE, devicePermanodeKey } from './well-known.ts'

/** What a device may do: an admin also pairs and revokes devices. */
type DeviceRole = 'admin' | 'device'

/** What a certificate says of a device. */
export interface Certificate {
  readonly device: Pick<Signer, 'keyId' | 'keyRef'>
  readonly name: string
  readonly role: DeviceRole
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
