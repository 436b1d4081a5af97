import type { BlobRef } from '../blob/ref.ts'

/**
 * The identity of a key, whatever blob holds it: `ed25519-<64 hex>` of the key bytes, or
 * `openpgp-<40 hex>` of the v4 fingerprint. Two key blobs with one key are one signer.
 */
export type KeyId = string & { readonly __brand: 'KeyId' }

/** A private key that signs claims. `device-key.ts` makes one from ed25519. */
export interface Signer {
  readonly keyId: KeyId
  /** The public key blob (`ssh-ed25519 BASE64` and a line feed), and its ref: what `camliSigner` names. */
  readonly keyBlob: Uint8Array
  readonly keyRef: BlobRef
  /** The text for `camliSig` over exactly `payload`. */
  sign(payload: Uint8Array): string
}
