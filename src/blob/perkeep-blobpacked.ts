import { asError, isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import type { KeyValue } from '../base/key-value.ts'
import { readPackedZip } from './perkeep-zip.ts'
import { type BlobRef, isBlobRef, matchesRef } from './ref.ts'
import { openSourceRows, type SourceRows } from './source-rows.ts'
import type { BlobSource, SizedRef, StretchSource } from './store.ts'

interface BlobpackedOptions {
  /** Blobs that are not packed. Closed with the source. */
  readonly small: BlobSource
  /** The zips. Closed with the source. */
  readonly large: BlobSource & StretchSource
  /** Where it is kept what is in which zip. */
  readonly rows: KeyValue
  /** Told of a zip that is none, or cannot be read. */
  readonly onProblem: (zip: BlobRef, reason: string) => void
  readonly signal: AbortSignal
}

/**
 * The blobs of a Perkeep `blobpacked` store, read only: what is loose, and what lies in zips. Each zip is read once, at the
 * first opening with these rows; later only stretches of it are.
 */
export async function openBlobpackedSource(options: BlobpackedOptions): Promise<BlobSource> {
  const { small, large } = options
  const rows = openSourceRows(options.rows)
  await readZips(options, rows)
  const close = async (): Promise<void> => {
    await Promise.all([small.close(), large.close()])
  }
  return {
    async fetch(ref) {
      const found = await rows.find(ref)
      if (!found) return small.fetch(ref)
      try {
        return (await fetchPacked(large, ref, found)) ?? (await small.fetch(ref))
      } catch (error) {
        // It may be loose as well.
        const loose = isPeerkeepError(error, 'BLOB_DAMAGED') ? await small.fetch(ref) : undefined
        if (loose) return loose
        throw error
      }
    },
    async stat(refs) {
      const [loose, packed] = await Promise.all([small.stat(refs), rows.sizes(refs)])
      return refs.map((_, at) => loose[at] ?? packed[at])
    },
    enumerate: after => merged(small.enumerate(after), rows.enumerate(after)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function readZips(
  { large, onProblem, signal }: BlobpackedOptions,
  rows: SourceRows,
): Promise<void> {
  for await (const { ref: zip } of large.enumerate()) {
    signal.throwIfAborted()
    if ((await rows.known(zip)) !== undefined) continue
    try {
      const bytes = await large.fetch(zip)
      if (!bytes) continue
      const blobs = await readPackedZip(bytes)
      const placed = blobs.map(({ ref, size, offset }) => ({
        ref,
        size,
        place: `${zip} ${offset}`,
      }))
      await rows.keep(zip, 'read', placed)
    } catch (error) {
      signal.throwIfAborted()
      onProblem(zip, asError(error).message)
    }
  }
}

async function fetchPacked(
  large: StretchSource,
  ref: BlobRef,
  { size, place }: { readonly size: number; readonly place: string },
): Promise<Uint8Array | undefined> {
  const [zip = '', offset] = place.split(' ')
  const bytes = isBlobRef(zip) ? await large.fetchUnverified(zip, Number(offset), size) : undefined
  if (bytes === undefined) return undefined
  if (matchesRef(ref, bytes)) return bytes
  throw new PeerkeepError(
    'BLOB_DAMAGED',
    `The blob ${ref} is damaged in the zip ${zip}: its bytes there are not what the manifest says.`,
    { details: { ref, zip } },
  )
}

/** Two ordered listings as one; what stands in both is listed once. */
async function* merged(
  first: AsyncIterable<SizedRef>,
  second: AsyncIterable<SizedRef>,
): AsyncGenerator<SizedRef> {
  const [a, b] = [first[Symbol.asyncIterator](), second[Symbol.asyncIterator]()]
  try {
    let [left, right] = [await a.next(), await b.next()]
    while (left.done !== true || right.done !== true) {
      const isLeft =
        right.done === true || (left.done !== true && left.value.ref <= right.value.ref)
      const isBoth = left.done !== true && right.done !== true && left.value.ref === right.value.ref
      if (isLeft && left.done !== true) yield left.value
      if (!isLeft && right.done !== true) yield right.value
      if (isLeft) left = await a.next()
      if (!isLeft || isBoth) right = await b.next()
    }
  } finally {
    await Promise.all([a.return?.(undefined), b.return?.(undefined)])
  }
}
