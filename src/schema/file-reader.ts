import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { type FetchBlob, fetchNeeded, fetchSchema } from './fetch.ts'
import type { Part } from './schema-blob.ts'
import { checkDepth } from './tree-reader.ts'

/** A stretch of a file's content: bytes of a blob, or (no bytes) zeros. */
export interface Piece {
  readonly size: number
  /** Undefined for a hole. */
  readonly bytes: Uint8Array | undefined
}

/** Blobs fetched ahead of the reader: with the usual 64 KiB each, enough to keep a disk or a line busy. */
const READ_AHEAD_BLOBS = 8

/** Size in bytes of what the parts hold. */
export function sizeOfParts(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + part.size, 0)
}

/**
 * The content of a file, or a stretch of it, piece by piece, in order: what lies before is not read. Memory is bounded by the read-ahead whatever the parts say.
 * Rejects with `BLOB_MISSING`, or with `BAD_SCHEMA` for parts that want more than what they refer to has.
 */
export async function* readFileContent(
  fetch: FetchBlob,
  parts: readonly Part[],
  range: ContentRange = { begin: 0, size: sizeOfParts(parts) },
): AsyncGenerator<Piece> {
  const ahead: Promise<Piece>[] = []
  for await (const slice of flatten(fetch, range, parts, 0)) {
    const piece = fetchSlice(fetch, slice)
    // Whoever stops reading leaves these behind; their failure is nobody's then.
    piece.catch(() => undefined)
    ahead.push(piece)
    const next = ahead.length < READ_AHEAD_BLOBS ? undefined : ahead.shift()
    if (next) yield await next
  }
  for (const piece of ahead) yield await piece
}

/** A stretch of a file, in bytes. */
export interface ContentRange {
  readonly begin: number
  readonly size: number
}

interface Slice extends ContentRange {
  readonly ref: BlobRef | undefined
}

/** The data blobs below `parts`, cut to the range, `bytes` blobs walked. */
// oxlint-disable-next-line max-params -- the walk's own state
async function* flatten(
  fetch: FetchBlob,
  range: ContentRange,
  parts: readonly Part[],
  depth: number,
): AsyncGenerator<Slice> {
  checkDepth(depth)
  let begin = 0
  for (const part of parts) {
    const from = Math.max(range.begin, begin)
    const until = Math.min(range.begin + range.size, begin + part.size)
    const within = { begin: from - begin + (part.offset ?? 0), size: until - from }
    begin += part.size
    if (within.size <= 0) continue
    if (part.bytesRef === undefined) {
      yield { ref: part.blobRef, ...within }
      continue
    }
    const below = await fetchSchema(fetch, part.bytesRef, ['bytes'])
    if (within.begin + within.size > sizeOfParts(below.parts)) throw tooShort(part.bytesRef)
    yield* flatten(fetch, within, below.parts, depth + 1)
  }
}

async function fetchSlice(fetch: FetchBlob, { ref, begin, size }: Slice): Promise<Piece> {
  if (ref === undefined) return { size, bytes: undefined }
  const bytes = await fetchNeeded(fetch, ref)
  if (begin + size > bytes.length) throw tooShort(ref)
  return { size, bytes: bytes.subarray(begin, begin + size) }
}

function tooShort(ref: BlobRef): PeerkeepError {
  return new PeerkeepError('BAD_SCHEMA', `a file wants more of ${ref} than it holds`, {
    details: { ref },
  })
}
