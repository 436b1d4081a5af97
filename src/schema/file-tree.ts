import { type BlobRef, refOf } from '../blob/ref.ts'
import type { Cut } from './chunker.ts'
import type { Part } from './schema-blob.ts'
import { writeSchema } from './write-schema.ts'

/**
 * The tree of `bytes` blobs over the chunks of one file, grown cut by cut: a heavier cut gathers
 * the lighter ones before it. Memory is one entry a chunk.
 */
export interface FileTree {
  /** Tells the next chunk, in order. */
  add(ref: BlobRef, cut: Cut): void
  /** The `parts` of the file, after the last chunk, and every `bytes` blob that they need. */
  finish(): { readonly parts: readonly Part[]; readonly blobs: readonly Uint8Array[] }
}

/**
 * Parts that one blob holds; of more, each so many get a `bytes` blob of their own. Ten GB of zeros make more: all
 * their cuts weigh the same, and without this the file would be larger than schema may be, so unreadable. 8,000
 * parts take up to 1,000,000 bytes, which leaves 48,000 for names and paths. The one place where Perkeep differs.
 */
const PARTS_MAX = 8000

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
      spans.push({ ref, size: length, weight, children: spans.splice(first) })
    },
    finish() {
      const blobs: Uint8Array[] = []
      return { parts: gather(partsOf(spans, blobs), blobs), blobs }
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
    return [bytesPart(gather(partsOf(span.children, blobs), blobs), blobs), own]
  })
}

function gather(parts: readonly Part[], blobs: Uint8Array[]): readonly Part[] {
  if (parts.length <= PARTS_MAX) return parts
  const gathered: Part[] = []
  for (let at = 0; at < parts.length; at += PARTS_MAX) {
    gathered.push(bytesPart(parts.slice(at, at + PARTS_MAX), blobs))
  }
  return gather(gathered, blobs)
}

function bytesPart(parts: readonly Part[], blobs: Uint8Array[]): Part {
  const bytes = writeSchema({ type: 'bytes', parts })
  blobs.push(bytes)
  return { bytesRef: refOf(bytes), size: parts.reduce((sum, part) => sum + part.size, 0) }
}
