import { hash } from 'node:crypto'

import { type BlobRef, parseBlobRef } from '../../src/blob/ref.ts'

/** The same ref for the same number always; every tenth is of a hash function other than SHA-224. */
export function refNumber(number: number): BlobRef {
  const name = number % 20 === 3 ? 'sha1' : number % 20 === 13 ? 'sha256' : 'sha224'
  return parseBlobRef(`${name}-${hash(name, String(number), 'hex')}`)
}

export function* manyRefs(from: number, count: number): Generator<BlobRef> {
  for (let number = from; number < from + count; number += 1) yield refNumber(number)
}
