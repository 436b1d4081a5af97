import { inflateRawSync } from 'node:zlib'

import { type Entry, fromBufferPromise } from 'yauzl'

import { asError, PeerkeepError } from '../base/errors.ts'
import { BLOB_SIZE_MAX, ZIP_ENTRIES_MAX, ZIP_MANIFEST_MAX } from './limits.ts'
import { type BlobRef, isBlobRef } from './ref.ts'

/** A blob inside a zip of Perkeep's `blobpacked`, as the zip says: nothing of it is verified yet. */
export interface ZippedBlob {
  readonly ref: BlobRef
  readonly size: number
  /** Where its bytes begin in the zip. */
  readonly offset: number
}

const MANIFEST_NAME = 'camlistore/camlistore-pack-manifest.json'
const STORED = 0
const DEFLATED = 8

/**
 * The blobs in a zip as `blobpacked` writes it (PROTOCOL of Perkeep's storage): the first entry holds chunks back to back, which
 * the manifest lists, and each schema blob has an entry of its own. Rejects with `STORE_DAMAGED` for anything else.
 */
export async function readPackedZip(bytes: Uint8Array): Promise<ZippedBlob[]> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  try {
    const entries = await readEntries(buffer)
    const manifest = entries.find(({ entry }) => entry.fileName === MANIFEST_NAME)
    const [data] = entries
    if (!manifest || !data || data === manifest) throw new Error('it has no manifest')
    return [
      ...readManifest(inflate(buffer, manifest), requireStored(data)),
      ...entries.flatMap(entry => schemaOf(entry)),
    ]
  } catch (error) {
    throw new PeerkeepError('STORE_DAMAGED', `no zip of packed blobs: ${asError(error).message}`, {
      cause: error,
    })
  }
}

interface PlacedEntry {
  readonly entry: Entry
  /** Where its content begins. */
  readonly begin: number
}

async function readEntries(buffer: Buffer): Promise<PlacedEntry[]> {
  const zip = await fromBufferPromise(buffer, { lazyEntries: true, strictFileNames: false })
  const entries: PlacedEntry[] = []
  for await (const entry of zip.eachEntry()) {
    if (entries.length >= ZIP_ENTRIES_MAX) throw new Error('it has too many entries')
    entries.push({ entry, begin: contentOf(buffer, entry) })
  }
  return entries
}

const LOCAL_SIGNATURE = 0x04_03_4b_50
const LOCAL_HEADER_BYTES = 30

/** The length of the name and of what is added to it may differ from the directory's, so they are read where they stand. */
function contentOf(buffer: Buffer, entry: Entry): number {
  const at = entry.relativeOffsetOfLocalHeader
  if (at + LOCAL_HEADER_BYTES > buffer.length || buffer.readUInt32LE(at) !== LOCAL_SIGNATURE)
    throw new Error(`the entry ${entry.fileName} is not where the directory says`)
  const begin =
    at + LOCAL_HEADER_BYTES + buffer.readUInt16LE(at + 26) + buffer.readUInt16LE(at + 28)
  if (begin + entry.compressedSize > buffer.length)
    throw new Error(`the entry ${entry.fileName} ends behind the zip`)
  return begin
}

function requireStored(placed: PlacedEntry): PlacedEntry {
  const { compressionMethod, compressedSize, uncompressedSize } = placed.entry
  if (compressionMethod === STORED && compressedSize === uncompressedSize) return placed
  throw new Error(`the entry ${placed.entry.fileName} is compressed`)
}

function inflate(buffer: Buffer, { entry, begin }: PlacedEntry): Buffer {
  const content = buffer.subarray(begin, begin + entry.compressedSize)
  if (entry.compressionMethod === STORED) return content
  if (entry.compressionMethod !== DEFLATED)
    throw new Error('its manifest is compressed in a way unknown')
  return inflateRawSync(content, { maxOutputLength: ZIP_MANIFEST_MAX })
}

function readManifest(json: Buffer, { entry, begin }: PlacedEntry): ZippedBlob[] {
  const { dataBlobs } = JSON.parse(json.toString('utf8')) as { dataBlobs?: unknown }
  if (!Array.isArray(dataBlobs)) throw new Error('its manifest lists no blobs')
  return (dataBlobs as { blobRef?: unknown; size?: unknown; offset?: unknown }[]).map(
    ({ blobRef: ref, size, offset }) => {
      const isSane = isBlobRef(ref) && isCount(size) && isCount(offset) && size <= BLOB_SIZE_MAX
      if (!isSane || offset + size > entry.uncompressedSize)
        throw new Error('its manifest lists a blob that does not lie in it')
      return { ref, size, offset: begin + offset }
    },
  )
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function schemaOf(placed: PlacedEntry): ZippedBlob[] {
  const ref = /^camlistore\/([^/]+)\.json$/.exec(placed.entry.fileName)?.[1]
  if (!isBlobRef(ref)) return []
  const { entry, begin } = requireStored(placed)
  return [{ ref, size: entry.uncompressedSize, offset: begin }]
}
