import { randomBytes } from 'node:crypto'
import { crc32, deflateRawSync } from 'node:zlib'

import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'

import { refOf } from '../../src/blob/ref.ts'

/*
 * Writers of Perkeep's own stores, from the description of their formats alone.
 */

interface ZipEntry {
  readonly name: string
  readonly content: Uint8Array
  readonly isDeflated?: boolean
}

/** A zip as Go's writer streams it: sizes and checksum behind the content (flag bit 3), and in the directory. */
export function goZip(entries: readonly ZipEntry[]): Buffer {
  const pieces: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  const push = (piece: Buffer): void => {
    pieces.push(piece)
    at += piece.length
  }
  for (const { name, content, isDeflated = false } of entries) {
    const offset = at
    const stored = isDeflated ? deflateRawSync(content) : Buffer.from(content)
    const method = isDeflated ? 8 : 0
    const nameBytes = Buffer.from(name)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(20, 4)
    local.writeUInt16LE(8, 6)
    local.writeUInt16LE(method, 8)
    local.writeUInt16LE(nameBytes.length, 26)
    push(Buffer.concat([local, nameBytes, stored]))
    const descriptor = Buffer.alloc(16)
    descriptor.writeUInt32LE(0x08074b50, 0)
    descriptor.writeUInt32LE(crc32(content), 4)
    descriptor.writeUInt32LE(stored.length, 8)
    descriptor.writeUInt32LE(content.length, 12)
    push(descriptor)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(0x02014b50, 0)
    central.writeUInt16LE(20, 4)
    central.writeUInt16LE(20, 6)
    central.writeUInt16LE(8, 8)
    central.writeUInt16LE(method, 10)
    central.writeUInt32LE(crc32(content), 16)
    central.writeUInt32LE(stored.length, 20)
    central.writeUInt32LE(content.length, 24)
    central.writeUInt16LE(nameBytes.length, 28)
    central.writeUInt32LE(offset, 42)
    directory.push(central, nameBytes)
  }
  const directoryBytes = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directoryBytes.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...pieces, directoryBytes, end])
}

/** A zip of `blobpacked`: chunks back to back, schema blobs, the manifest. */
export function packedZip(
  chunks: readonly Uint8Array[],
  schema: readonly Uint8Array[],
  change: (manifest: {
    dataBlobs: { blobRef: string; size: number; offset: number }[]
  }) => void = () => undefined,
): Buffer {
  const data = Buffer.concat(chunks)
  let offset = 0
  const dataBlobs = chunks.map(chunk => {
    const listed = { blobRef: refOf(chunk) as string, size: chunk.length, offset }
    offset += chunk.length
    return listed
  })
  const manifest = {
    wholeRef: refOf(data),
    wholeSize: data.length,
    wholePartIndex: 0,
    dataBlobsOrigin: refOf(data),
    dataBlobs,
  }
  change(manifest)
  return goZip([
    { name: 'photo.raw', content: data },
    ...schema.map(content => ({ name: `camlistore/${refOf(content)}.json`, content })),
    {
      name: 'camlistore/camlistore-pack-manifest.json',
      content: Buffer.from(JSON.stringify(manifest, null, 2)),
      isDeflated: true,
    },
  ])
}

/** How one of the two `encrypt` formats seals. */
export type Seal = (plain: Uint8Array) => Promise<Uint8Array>

/** As of 2021: NaCl's secretbox. */
export function secretBoxSeal(key: Uint8Array): Seal {
  return async plain => {
    const nonce = randomBytes(24)
    return Buffer.concat([Buffer.from([1]), nonce, xsalsa20poly1305(key, nonce).encrypt(plain)])
  }
}

/** Encrypted blobs and the meta blobs that name them, a few lines each. */
export async function sealAll(
  blobs: readonly Uint8Array[],
  seal: Seal,
): Promise<{ blobs: Buffer[]; meta: Buffer[] }> {
  const sealed: Buffer[] = []
  const meta: Buffer[] = []
  for (let at = 0; at < blobs.length; at += 3) {
    const lines: string[] = []
    for (const plain of blobs.slice(at, at + 3)) {
      const encrypted = Buffer.from(await seal(plain))
      sealed.push(encrypted)
      lines.push(`${refOf(plain)}/${plain.length}/${refOf(encrypted)}\n`)
    }
    const text = `#camlistore/encmeta=2\n${lines.sort().join('')}`
    meta.push(Buffer.from(await seal(Buffer.from(text))))
  }
  return { blobs: sealed, meta }
}
