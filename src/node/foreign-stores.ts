import { hash } from 'node:crypto'
import { join } from 'node:path'

import type { KeyValue } from '../base/key-value.ts'
import { openLevelKeyValue } from '../base/level-key-value.ts'
import { openFolderStore } from '../blob/folder-store.ts'
import { openBlobpackedSource } from '../blob/perkeep-blobpacked.ts'
import { openDiskpackedSource } from '../blob/perkeep-diskpacked.ts'
import { openEncryptedSource } from '../blob/perkeep-encrypt.ts'
import { openDecryption } from '../blob/perkeep-encryption.ts'
import type { BlobSource, BlobStore, StretchSource } from '../blob/store.ts'
import type { Node } from './node.ts'

/** How a foreign store is read. */
export interface Reading {
  readonly node: Pick<Node, 'paths' | 'system'>
  readonly signal: AbortSignal
  /** Told of what in the store cannot be read. */
  readonly onProblem: (subject: string, reason: string) => void
}

/**
 * What lies in a folder, by how Perkeep lays it out: packs, zips beside loose blobs, or loose blobs alone.
 */
export async function openFolderSource(directory: string, reading: Reading): Promise<BlobSource> {
  const { system } = reading.node
  const names = new Set(await system.files.list(directory))
  if (names.has('pack-00000.blobs')) {
    const rows = await openRows(`diskpacked ${directory}`, reading)
    return withRows(rows, () =>
      openDiskpackedSource({ ...reading, directory, files: system.files, rows }),
    )
  }
  const open = (path: string): Promise<BlobStore & StretchSource> =>
    openFolderStore({ ...system, directory: path, mayMake: false })
  const small = await open(directory)
  if (!names.has('packed')) return small
  const large = await open(join(directory, 'packed'))
  const rows = await openRows(`blobpacked ${directory}`, reading)
  return withRows(rows, () => openBlobpackedSource({ ...reading, small, large, rows }))
}

/** The same for a bucket: `open` opens what lies below a prefix. Perkeep has zips under `packed/`, the others under `loose/`. */
export async function openBucketSource(
  address: string,
  open: (below: string) => Promise<BlobStore & StretchSource>,
  reading: Reading,
): Promise<BlobSource> {
  const large = await open('packed/')
  const first = await large.enumerate()[Symbol.asyncIterator]().next()
  if (first.done === true) {
    await large.close()
    return open('')
  }
  const small = await open('loose/')
  const rows = await openRows(`blobpacked ${address}`, reading)
  return withRows(rows, () => openBlobpackedSource({ ...reading, small, large, rows }))
}

interface Encrypted {
  /** Names the two stores. */
  readonly address: string
  readonly blobs: BlobSource
  readonly meta: BlobSource
  readonly keyFile: Uint8Array
}

/** What Perkeep's `encrypt` storage keeps in two other stores. */
export async function openEncrypted(
  { address, blobs, meta, keyFile }: Encrypted,
  reading: Reading,
): Promise<BlobSource> {
  const decrypt = await openDecryption(keyFile)
  const rows = await openRows(`encrypt ${address}`, reading)
  return withRows(rows, () => openEncryptedSource({ ...reading, blobs, meta, decrypt, rows }))
}

async function openRows(name: string, { node }: Reading): Promise<KeyValue> {
  const path = join(node.paths.sources, hash('sha256', name, 'hex').slice(0, 32))
  await node.system.files.makeDirectory(path)
  return openLevelKeyValue(path)
}

/** The source with its rows, which are closed after it, or when there is none. */
async function withRows(rows: KeyValue, open: () => Promise<BlobSource>): Promise<BlobSource> {
  try {
    const source = await open()
    const close = async (): Promise<void> => {
      await source.close()
      await rows.close()
    }
    return { ...source, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await rows.close()
    throw error
  }
}
