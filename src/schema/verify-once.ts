import { hash } from 'node:crypto'

import { REMEMBERED_SIGNATURES_MAX } from './limits.ts'
import type { SignedParts, Verify } from './signed-blob.ts'
import type { KeyId } from './signer.ts'

/**
 * Verifies what was found right before without verifying it: a claim that comes from another device is looked at
 * before it is stored, and once more when the index takes it up. Then it is forgotten. A right signature stays right,
 * as the key is named by the hash of its blob; a wrong one is not remembered.
 */
export function verifyOnce(verify: Verify): Verify {
  /** Signers' identities, the latest last. */
  const right = new Map<string, KeyId>()
  return async (parts, keyBlob) => {
    const print = printOf(parts)
    const known = right.get(print)
    if (known !== undefined) {
      right.delete(print)
      return known
    }
    const keyId = await verify(parts, keyBlob)
    const oldest = right.size >= REMEMBERED_SIGNATURES_MAX ? right.keys().next().value : undefined
    if (oldest !== undefined) right.delete(oldest)
    right.set(print, keyId)
    return keyId
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
