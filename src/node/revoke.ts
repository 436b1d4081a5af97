import type { Clock } from '../base/clock.ts'
import type { Door } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Index } from '../index/queries.ts'
import { makeRevocation, makeRetirement } from '../schema/certificates.ts'
import { makeClaim } from '../schema/claims.ts'
import type { KeyId, Signer } from '../schema/signer.ts'
import { devicePermanodeKey, GROUP_ATTRIBUTE } from '../schema/well-known.ts'
import { risingDates } from './rising-dates.ts'

/** What whoever changes who is whose works on. */
export interface TrustParts {
  readonly index: Index
  readonly door: Door
  readonly clock: Clock
  /** The owner, or an admin. */
  readonly signer: Signer
}

/**
 * Revokes a device: what this device knows of its claims stays valid, nothing else does any more. `groupCheck` names
 * the secret that the other devices share from then on. Resolves with the number of signed blobs that stay, once it
 * counts here.
 */
export async function revokeDevice(
  parts: TrustParts,
  device: KeyId,
  groupCheck: string,
): Promise<number> {
  const stays = await revokeKey(parts, device)
  const permanode = await parts.index.plannedPermanode(devicePermanodeKey(device))
  if (permanode) {
    const claim = {
      claimType: 'set-attribute',
      permanode,
      attribute: GROUP_ATTRIBUTE,
      value: groupCheck,
    } as const
    const nextDate = await datesOf(parts)
    await store(parts, [makeClaim(claim, parts.signer, nextDate())])
  }
  return stays
}

/**
 * Revokes a key that is no device's: it knows no secret of the group. What of its claims is known here stays valid;
 * resolves with their number.
 */
export async function revokeKey(parts: TrustParts, key: KeyId): Promise<number> {
  const stays = await Array.fromAsync(parts.index.signedBy(key))
  await listAsValid(parts, key, stays)
  return stays.length
}

/** Makes signed blobs of a revoked device valid, beside those that are already. */
export async function listAsValid(
  parts: TrustParts,
  device: KeyId,
  stays: readonly BlobRef[],
): Promise<void> {
  const permanode = await parts.index.plannedPermanode(devicePermanodeKey(device))
  const nextDate = await datesOf(parts)
  await store(parts, makeRevocation({ device, stays, permanode }, parts.signer, nextDate))
}

/** Says that nobody waits for a device any more. */
export async function retireDevice(parts: TrustParts, device: KeyId): Promise<void> {
  const permanode = await parts.index.plannedPermanode(devicePermanodeKey(device))
  const nextDate = await datesOf(parts)
  await store(parts, makeRetirement({ device, permanode }, parts.signer, nextDate))
}

async function datesOf({ index, clock }: TrustParts): Promise<() => bigint> {
  return risingDates(clock, await index.latestClaimDate())
}

async function store({ door, index, signer }: TrustParts, blobs: readonly Uint8Array[]) {
  // The owner's key may sign here for the first time.
  for (const bytes of [signer.keyBlob, ...blobs]) await door.receive(bytes)
  await index.catchUp()
}
