import { hash } from 'node:crypto'

import { type PackHeader, headerBytesMax, parseHeader } from './pack-format.ts'
import type { BlobRef } from './ref.ts'

/** A header of a blob, not of a deleted record. */
export type BlobHeader = PackHeader & { readonly ref: BlobRef }

export function isBlobHeader(header: PackHeader | undefined): header is BlobHeader {
  return header?.ref !== undefined
}

/**
 * The headers that differ in one bit from the bytes at the start of `bytes`: what a record may have
 * said before the disk flipped that bit. The payload's hash tells which of them is true.
 */
export function neighbouringHeaders(bytes: Uint8Array): BlobHeader[] {
  const copy = Buffer.from(bytes.subarray(0, headerBytesMax))
  const found: BlobHeader[] = []
  for (let bit = 0; bit < copy.length * 8; bit++) {
    const index = bit >>> 3
    const mask = 1 << (bit & 7)
    copy[index] = (copy[index] ?? 0) ^ mask
    const header = parseHeader(copy)
    copy[index] = (copy[index] ?? 0) ^ mask
    // A bit behind the closing bracket changes nothing: that is the header as it stands.
    if (isBlobHeader(header) && index < header.length) found.push(header)
  }
  return found
}

/** The header of `headers` that names its payload rightly. Those that differ in the ref share a hash. */
export async function trueHeader(
  headers: readonly BlobHeader[],
  payloadOf: (header: BlobHeader) => Promise<Uint8Array | undefined>,
): Promise<BlobHeader | undefined> {
  const refs = new Map<string, string>()
  for (const header of headers) {
    const hashName = header.ref.slice(0, header.ref.indexOf('-'))
    const key = `${hashName} ${header.length} ${header.size}`
    let ref = refs.get(key)
    if (ref === undefined) {
      const payload = await payloadOf(header)
      ref = payload === undefined ? '' : `${hashName}-${hash(hashName, payload, 'hex')}`
      refs.set(key, ref)
    }
    if (ref === header.ref) return header
  }
  return undefined
}
