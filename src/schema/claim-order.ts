import type { Nanoseconds } from './schema-blob.ts'
import type { KeyId } from './signer.ts'

/** What a claim's place among others depends on. */
export interface PlacedClaim {
  readonly date: Nanoseconds
  readonly keyId: KeyId
  /** The signed bytes. */
  readonly payload: Uint8Array
}

/**
 * The order in which claims act: below 0, 0, above 0. Date first; then the key and the signed bytes,
 * which mean nothing but are the same on every device, so that equal claims give equal state. Answers 0
 * only for what is one claim.
 */
export function compareClaims(a: PlacedClaim, b: PlacedClaim): number {
  if (a.date !== b.date) return a.date < b.date ? -1 : 1
  if (a.keyId !== b.keyId) return a.keyId < b.keyId ? -1 : 1
  return Buffer.compare(a.payload, b.payload)
}
