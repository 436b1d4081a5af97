import { readFileSync } from 'node:fs'

interface SignedVectors {
  readonly publicKeyRef: string
  readonly keyId: string
  readonly items: readonly {
    readonly name: string
    readonly ref: string
    readonly unsigned: string
    readonly signed: string
  }[]
  readonly verifyCases: readonly {
    readonly name: string
    readonly signed: string
    readonly expect: { readonly ok: boolean }
  }[]
}

const folder = new URL('signed/', import.meta.url)

/** What Perkeep signed, and its verdict on what it did not. */
export const signedVectors = JSON.parse(
  readFileSync(new URL('signed.json', folder), 'utf8'),
) as SignedVectors

/** The public key, as Perkeep stored it. */
export const keyBlob = readFileSync(new URL('pubkey.asc', folder))

/** A blob that Perkeep signed. */
export function blobOf(ref: string): Buffer {
  return readFileSync(new URL(`blobs/${ref}.json`, folder))
}
