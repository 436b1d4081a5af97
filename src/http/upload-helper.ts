import type { IncomingMessage } from 'node:http'

import { PeerkeepError } from '../base/errors.ts'
import type { Door } from '../blob/receive.ts'
import type { BlobRef } from '../blob/ref.ts'
import { storeStream } from '../node/store-stream.ts'
import { formatTime, parseTime } from '../schema/time.ts'
import { writeSchema } from '../schema/write-schema.ts'
import { FIELD_BYTES_MAX, UPLOADED_FILES_MAX } from './file-limits.ts'
import { boundaryOf, type Part, readMultipart } from './multipart.ts'
import { bodyOf, sendPerkeepJson } from './respond.ts'
import type { Route } from './server.ts'

interface UploadHelperParts {
  readonly door: Door
  /** Told of the blobs of a file before the answer. */
  readonly note: (refs: readonly BlobRef[]) => Promise<void>
}

interface GotFile {
  readonly filename: string
  readonly modtime?: string
  readonly formname: string
  readonly fileref: BlobRef
}

/**
 * Perkeep's upload by a form: each file becomes a `file` blob with its name and, where a `modtime` stands before it, its time.
 * They are stored as they come in, and durable before the answer.
 */
export function uploadHelperRoute(parts: UploadHelperParts): Route {
  return async (request, response) => {
    sendPerkeepJson(response, { got: await takeFiles(request, parts) })
  }
}

async function takeFiles(request: IncomingMessage, parts: UploadHelperParts): Promise<GotFile[]> {
  const got: GotFile[] = []
  let mtime: bigint | undefined
  const boundary = boundaryOf(request.headers['content-type'])
  for await (const part of readMultipart(bodyOf(request), boundary)) {
    if (part.filename === undefined) {
      const text = await readField(part)
      if (part.name === 'modtime') mtime = timeOf(text)
      continue
    }
    if (got.length >= UPLOADED_FILES_MAX)
      throw new PeerkeepError('BAD_USAGE', `a form may have ${UPLOADED_FILES_MAX} files`)
    const fileref = await storeFile(parts, { part, filename: part.filename, mtime })
    const modtime = mtime === undefined ? {} : { modtime: formatTime(mtime) }
    got.push({ filename: part.filename, ...modtime, formname: part.name, fileref })
  }
  return got
}

async function storeFile(
  { door, note }: UploadHelperParts,
  file: { readonly part: Part; readonly filename: string; readonly mtime: bigint | undefined },
): Promise<BlobRef> {
  const { parts, blobs } = await storeStream(door, file.part.body)
  const name = Buffer.from(file.filename.replaceAll(/[\0/]/g, '_'))
  const schema = { type: 'file', name, parts, mtime: file.mtime } as const
  const { ref } = await door.receive(writeSchema(schema))
  await note([...blobs, ref])
  return ref
}

async function readField({ body, name }: Part): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > FIELD_BYTES_MAX)
      throw new PeerkeepError('BAD_USAGE', `the field ${name.slice(0, 80)} is too long`)
    chunks.push(Uint8Array.from(chunk))
  }
  return Buffer.concat(chunks).toString('utf8')
}

function timeOf(text: string): bigint {
  const time = parseTime(text)
  if (time !== undefined) return time
  throw new PeerkeepError('BAD_USAGE', 'modtime must be a time such as 2026-03-04T12:00:00Z')
}
