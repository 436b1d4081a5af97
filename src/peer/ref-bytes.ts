import type { BlobRef } from '../blob/ref.ts'

/** A ref in binary form is one byte, its place here (from 1), then its digest. Places are never given anew. */
const kinds = [
  { name: 'sha1-', bytes: 20 },
  { name: 'sha224-', bytes: 28 },
  { name: 'sha256-', bytes: 32 },
] as const

/** Bytes of the longest ref in binary form. */
export const REF_BYTES_MAX = 33

export type RefKind = 1 | 2 | 3

export const refKinds: readonly RefKind[] = [1, 2, 3]

export function refKindOf(ref: BlobRef): RefKind {
  return ref.length === 63 ? 2 : ref.length === 45 ? 1 : 3
}

export function digestBytesOf(kind: RefKind): number {
  return kinds[kind - 1]?.bytes ?? 0
}

/** Writes a ref's digest; returns how many bytes it has. */
export function writeDigest(ref: BlobRef, into: Buffer, at: number): number {
  return into.write(ref.slice(ref.indexOf('-') + 1), at, 'hex')
}

export function readDigest(kind: RefKind, from: Buffer, at: number): BlobRef {
  const { name, bytes } = kinds[kind - 1] ?? kinds[1]
  return (name + from.toString('hex', at, at + bytes)) as BlobRef
}

/** Undefined for a byte that stands for no hash function. */
export function parseRefKind(byte: number | undefined): RefKind | undefined {
  return refKinds.find(kind => kind === byte)
}
