import { PeerkeepError } from '../base/errors.ts'
import { PART_HEAD_MAX } from './limits.ts'

/** One part of a form: what it is called, and its bytes as they come in. */
export interface Part {
  readonly name: string
  /** Undefined for a plain field. */
  readonly filename: string | undefined
  /** To be read before the next part is asked for; what is left unread is passed over. */
  readonly body: AsyncIterable<Uint8Array>
}

/** The boundary that a content type names. Throws `BAD_USAGE` when it is no form of parts. */
export function boundaryOf(contentType: string | undefined): string {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))/i.exec(
      contentType ?? '',
    ) ?? []
  const boundary = quoted ?? plain
  if (boundary !== undefined) return boundary
  throw new PeerkeepError(
    'BAD_USAGE',
    'the request must be multipart/form-data with a boundary of 1 to 70 characters',
  )
}

/**
 * Takes a multipart body apart (RFC 7578) as it comes in: memory is one chunk of the connection, whatever the parts hold.
 * Rejects with `BAD_USAGE` for what is none, or ends before its last boundary.
 */
export async function* readMultipart(
  chunks: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<Part> {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const reader = openReader(chunks)
  // What stands before the first part is for nobody.
  for await (const _ of bodyOf(reader, delimiter)) continue
  while (await isPartNext(reader)) {
    const { name, filename } = await readHead(reader)
    const body = bodyOf(reader, delimiter)
    yield { name, filename, body }
    for await (const _ of body) continue
  }
}

interface Reader {
  /** What has come in and was not taken. */
  pending: Buffer
  /** Adds the next chunk to it. Throws `BAD_USAGE` when there is none. */
  more(): Promise<void>
}

function openReader(chunks: AsyncIterable<Uint8Array>): Reader {
  const iterator = chunks[Symbol.asyncIterator]()
  const reader: Reader = {
    // The first delimiter needs no line feed before it.
    pending: Buffer.from('\r\n'),
    async more() {
      const next = await iterator.next()
      if (next.done === true)
        throw new PeerkeepError(
          'BAD_USAGE',
          'the form ends in the middle, before its last boundary',
        )
      const chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length)
      reader.pending = reader.pending.length === 0 ? chunk : Buffer.concat([reader.pending, chunk])
    },
  }
  return reader
}

/** Everything up to the next delimiter, which is taken too. */
async function* bodyOf(reader: Reader, delimiter: Buffer): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { pending } = reader
    const end = pending.indexOf(delimiter)
    // Its beginning may be the last thing that came in.
    const sure = end === -1 ? pending.length - delimiter.length + 1 : end
    if (sure > 0) {
      reader.pending = pending.subarray(sure)
      yield pending.subarray(0, sure)
    }
    if (end !== -1) {
      reader.pending = reader.pending.subarray(delimiter.length)
      return
    }
    await reader.more()
  }
}

/** After a delimiter: whether a part follows, or the end. */
async function isPartNext(reader: Reader): Promise<boolean> {
  for (;;) {
    const text = reader.pending.toString('latin1', 0, PART_HEAD_MAX)
    if (text.startsWith('--')) return false
    const [blank] = /^[ \t]*\r\n/.exec(text) ?? []
    if (blank !== undefined) {
      reader.pending = reader.pending.subarray(blank.length)
      return true
    }
    if (!/^(?:-|[ \t]*\r?)$/.test(text) || text.length === PART_HEAD_MAX)
      throw new PeerkeepError('BAD_USAGE', 'what follows a boundary is neither a part nor the end')
    await reader.more()
  }
}

async function readHead(reader: Reader): Promise<{ name: string; filename: string | undefined }> {
  for (;;) {
    // A head without any line is empty.
    const end = reader.pending.subarray(0, 2).equals(lineEnd) ? 0 : reader.pending.indexOf(headEnd)
    if (end > PART_HEAD_MAX || (end === -1 && reader.pending.length > PART_HEAD_MAX))
      throw new PeerkeepError('BAD_USAGE', `the head of a part is over ${PART_HEAD_MAX} bytes`)
    if (end !== -1) {
      const head = reader.pending.toString('utf8', 0, end)
      reader.pending = reader.pending.subarray(end === 0 ? lineEnd.length : end + headEnd.length)
      return readDisposition(head)
    }
    await reader.more()
  }
}

const lineEnd = Buffer.from('\r\n')
const headEnd = Buffer.from('\r\n\r\n')

function readDisposition(head: string): { name: string; filename: string | undefined } {
  const line = head.split('\r\n').find(text => /^content-disposition\s*:/i.test(text)) ?? ''
  const parameters = new Map<string, string>()
  for (const [, key = '', quoted, plain] of line.matchAll(
    /;\s*([\w*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/g,
  )) {
    parameters.set(key.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '')
  }
  const name = parameters.get('name')
  if (name !== undefined) return { name, filename: parameters.get('filename') }
  throw new PeerkeepError('BAD_USAGE', 'a part says no name')
}
