import { type BlobRef, refOf } from '../blob/ref.ts'
import type { Cut } from './chunker.ts'
import type { Part } from './schema-blob.ts'
import { writeSchema } from './write-schema.ts'

/**
 * The tree of `bytes` blobs over the chunks of one file (PROTOCOL 5.3), grown cut by cut: a heavier cut gathers
 * the lighter ones before it. Memory is one entry a chunk.
 */
export interface FileTree {
  /** Tells the next chunk, in order. */
  add(ref: BlobRef, cut: Cut): void
  /** The `parts` of the file, after the last chunk, and every `bytes` blob that they need. */
  finish(): { readonly parts: readonly Part[]; readonly blobs: readonly Uint8Array[] }
}

interface Span {
  readonly ref: BlobRef
  readonly size: number
  readonly weight: number
  readonly children: readonly Span[]
}

export function growFileTree(): FileTree {
  const spans: Span[] = []
  return {
    add(ref, { length, weight }) {
      let first = spans.length
      while (first > 0 && (spans[first - 1]?.weight ?? 0) < weight) first -= 1
      const children = weight === 0 ? [] : spans.splice(first)
      spans.push({ ref, size: length, weight, children })
    },
    finish() {
      const blobs: Uint8Array[] = []
      return { parts: partsOf(spans, blobs), blobs }
    },
  }
}

function partsOf(spans: readonly Span[], blobs: Uint8Array[]): Part[] {
  return spans.flatMap(span => {
    const own = { blobRef: span.ref, size: span.size }
    const [only] = span.children
    if (!only) return [own]
    if (span.children.length === 1 && only.children.length === 0) {
      return [{ blobRef: only.ref, size: only.size }, own]
    }
    const parts = partsOf(span.children, blobs)
    const bytes = writeSchema({ type: 'bytes', parts })
    blobs.push(bytes)
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    return [{ bytesRef: refOf(bytes), size }, own]
  })
}
