import { createHash } from 'node:crypto'

import { S3Refusal } from './double-errors.ts'
import { etagOf, type StoredObject } from './double-objects.ts'
import { elements, elementText } from './double-xml.ts'

/** An object that comes in parts. */
export interface Upload {
  readonly key: string
  readonly begun: Date
  readonly about: Pick<StoredObject, 'contentType' | 'storageClass' | 'metadata'>
  readonly parts: Map<number, Part>
}

export interface Part {
  readonly bytes: Uint8Array
  readonly etag: string
  readonly modified: Date
}

const partBytesMin = 5 * 1024 * 1024
const partNumberMax = 10_000

export function addPart(upload: Upload, number: number, bytes: Uint8Array): Part {
  if (!Number.isInteger(number) || number < 1 || number > partNumberMax)
    throw new S3Refusal(400, 'InvalidArgument', 'part number')
  const part = { bytes, etag: etagOf(bytes), modified: new Date() }
  upload.parts.set(number, part)
  return part
}

export function partsInOrder(upload: Upload): [number: number, part: Part][] {
  return [...upload.parts].sort(([a], [b]) => a - b)
}

/** The object of the parts that a request's body names. */
export function complete(upload: Upload, body: string): StoredObject {
  const named = elements(body, 'Part').map(part => ({
    number: Number(elementText(part, 'PartNumber')),
    etag: (elementText(part, 'ETag') ?? '').replaceAll('"', ''),
  }))
  if (named.length === 0) throw new S3Refusal(400, 'MalformedXML')
  const chosen = named.map(({ number, etag }, i) => {
    if (i > 0 && number <= (named[i - 1]?.number ?? 0)) throw new S3Refusal(400, 'InvalidPartOrder')
    const part = upload.parts.get(number)
    if (part === undefined || part.etag !== `"${etag}"`) throw new S3Refusal(400, 'InvalidPart')
    return part
  })
  if (chosen.slice(0, -1).some(({ bytes }) => bytes.length < partBytesMin))
    throw new S3Refusal(400, 'EntityTooSmall')
  const digests = chosen.map(({ etag }) => Buffer.from(etag.replaceAll('"', ''), 'hex'))
  const digest = createHash('md5').update(Buffer.concat(digests)).digest('hex')
  return {
    ...upload.about,
    bytes: Buffer.concat(chosen.map(({ bytes }) => bytes)),
    etag: `"${digest}-${chosen.length}"`,
    modified: new Date(),
  }
}
