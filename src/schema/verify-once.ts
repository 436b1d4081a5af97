import { hash } from 'node:crypto'

import { REMEMBERED_SIGNATURES_MAX } from './limits.ts'
import type { SignedParts, Verify } from './signed-blob.ts'
import type { KeyId } from './signer.ts'

/**
 * Verifies once what two ask about: a claim that comes from another device is looked at before it is stored, and again
 * when the index takes it up. A right signature stays right, as the key is named by the hash of its blob; a wrong one
 * is not remembered.
 */
export interface VerifyOnce {
  /** For who asks first. */
  readonly first: Verify
  /** For who asks last: then it is forgotten. */
  readonly last: Verify
}

export function verifyOnce(
  verify: Verify,
  { max = REMEMBERED_SIGNATURES_MAX }: { readonly max?: number } = {},
): VerifyOnce {
  const right = new Map<string, KeyId>()
  /** Signatures in a row for which there was no room, and nobody asked for any other. */
  let passedOver = 0

  /** The oldest are asked for next, so those are kept; all go when it seems that nobody will ask for them. */
  function remember(print: string, keyId: KeyId): void {
    if (right.size < max) {
      right.set(print, keyId)
      return
    }
    passedOver += 1
    if (passedOver > max) right.clear()
  }

  return {
    async first(parts, keyBlob) {
      const keyId = await verify(parts, keyBlob)
      remember(printOf(parts), keyId)
      return keyId
    },
    async last(parts, keyBlob) {
      const print = printOf(parts)
      const known = right.get(print)
      if (known === undefined) return verify(parts, keyBlob)
      right.delete(print)
      passedOver = 0
      return known
    },
  }
}

/** Neither a ref nor a signature holds a line feed: two different claims are never the same bytes here. */
function printOf({ payload, signer, signature }: SignedParts): string {
  return hash(
    'sha256',
    Buffer.concat([Buffer.from(`${signer}\n${signature}\n`), payload]),
    'base64',
  )
}
