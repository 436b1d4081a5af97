import { once } from 'node:events'
import { Readable, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'

import { type Pack, pack } from 'tar-stream'
import { ZipFile } from 'yazl'

import { asError } from '../base/errors.ts'
import type { FetchBlob } from '../schema/fetch.ts'
import { readFileContent, sizeOfParts } from '../schema/file-reader.ts'
import type { NodeFields } from '../schema/schema-blob.ts'
import type { ArchiveEntry } from './archive-entries.ts'
import { bytesOfPieces, writeAll } from './file-content.ts'

interface Archive {
  readonly entries: AsyncIterable<ArchiveEntry>
  readonly fetch: FetchBlob
  readonly signal: AbortSignal
}

const NANOSECONDS = 1_000_000n

/** What a ZIP can say of a time: from 1980 on. */
const ZIP_TIME_MIN = Date.UTC(1980, 0, 1)

/** What the tar writer can say of a time: from 1970 on, and into 2038. */
const TAR_TIME_MAX = (2 ** 31 - 1) * 1000

/** Writes a ZIP, not compressed: photos and films are. Rejects when something is missing; then `to` must be cut. */
export async function writeZip(to: Writable, { entries, fetch, signal }: Archive): Promise<void> {
  const zip = new ZipFile()
  // Told by the content itself, below.
  zip.on('error', () => undefined)
  let content: Readable | undefined
  const output = zip.outputStream as Readable & Writable
  const written = pipeTo(output, to, signal)
  // Awaited at the end; whoever leaves while folders are read must not be an error that nobody handles.
  written.catch(() => undefined)
  try {
    for await (const { path, node } of entries) {
      signal.throwIfAborted()
      // Folders and links are written whether anybody reads or not.
      if (output.writableNeedDrain) await Promise.race([once(output, 'drain', { signal }), written])
      const mtime = new Date(Math.max(timeOf(node) ?? 0, ZIP_TIME_MIN))
      const mode = modeOf(node)
      if (node.type === 'directory') zip.addEmptyDirectory(path, { mtime, mode })
      else if (node.type === 'symlink')
        zip.addBuffer(Buffer.from(node.target), path, {
          mtime,
          mode: SYMLINK_MODE,
          compress: false,
        })
      else if (node.type === 'file') {
        const size = sizeOfParts(node.parts)
        content = Readable.from(bytesOfPieces(readFileContent(fetch, node.parts)), {
          objectMode: false,
        })
        // What is added before all of a file has left waits, and the ZIP calls itself once for each that did.
        const left = once(output, 'unpipe', { signal })
        left.catch(() => undefined)
        zip.addReadStream(content, path, { mtime, mode, compress: false, size })
        await Promise.race([finished(content), written])
        await Promise.race([left, written])
      }
    }
    zip.end()
    await written
  } catch (error) {
    content?.destroy()
    output.destroy()
    await written.catch(() => undefined)
    throw error
  }
}

/** Writes a tar, with modes, times and links. */
export async function writeTar(to: Writable, { entries, fetch, signal }: Archive): Promise<void> {
  const tar = pack()
  const output = tar as unknown as Readable
  const written = pipeTo(output, to, signal)
  // As for a ZIP.
  written.catch(() => undefined)
  try {
    for await (const { path, node } of entries) {
      signal.throwIfAborted()
      // As for a ZIP.
      if (to.writableNeedDrain) await Promise.race([once(to, 'drain', { signal }), written])
      const head = { name: path, mode: modeOf(node), mtime: tarTimeOf(node) }
      if (node.type === 'directory') await open(tar, { ...head, type: 'directory' }).taken
      else if (node.type === 'symlink')
        await open(tar, { ...head, type: 'symlink', linkname: Buffer.from(node.target).toString() })
          .taken
      else if (node.type === 'file') {
        const content = bytesOfPieces(readFileContent(fetch, node.parts))
        const { entry, taken } = open(tar, { ...head, type: 'file', size: sizeOfParts(node.parts) })
        await Promise.race([writeAll(entry, content, signal), written])
        entry.end()
        await Promise.race([taken, written])
      }
    }
    tar.finalize()
    await written
  } catch (error) {
    tar.destroy(asError(error))
    await written.catch(() => undefined)
    throw error
  }
}

interface OpenEntry {
  readonly entry: Writable
  /** Resolves when the archive has all of it. */
  readonly taken: Promise<void>
}

function open(tar: Pack, head: Parameters<Pack['entry']>[0]): OpenEntry {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // An entry without content is over at once.
  const entry: unknown = tar.entry(head, error => {
    if (error) reject(error)
    else resolve()
  })
  promise.catch(() => undefined)
  const writable = entry as Writable
  // When the archive breaks off, so does the entry; whoever writes it hears of that by the archive.
  writable.on('error', () => undefined)
  return { entry: writable, taken: promise }
}

/** Resolves when everything went to `to`; that is not ended here. */
async function pipeTo(from: Readable, to: Writable, signal: AbortSignal): Promise<void> {
  await writeAll(to, from as AsyncIterable<Uint8Array>, signal)
}

const SYMLINK_MODE = 0o120_777

function modeOf(node: NodeFields & { readonly type: string }): number {
  return node.permission ?? (node.type === 'directory' ? 0o755 : 0o644)
}

function tarTimeOf(node: NodeFields): Date {
  return new Date(Math.min(Math.max(timeOf(node) ?? 0, 0), TAR_TIME_MAX))
}

/** Milliseconds since 1970. */
function timeOf({ mtime }: NodeFields): number | undefined {
  return mtime === undefined ? undefined : Number(mtime / NANOSECONDS)
}
