import { openBudget } from '../base/budget.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { HttpLine } from './http-line.ts'
import {
  HTTP_CONNECTIONS_MAX,
  HTTP_PAGE_BYTES_MAX,
  HTTP_UPLOAD_BLOBS,
  HTTP_UPLOAD_BYTES,
} from './limits.ts'
import type { BlobRef } from './ref.ts'
import type { BlobStore, VerifiedBlob } from './store.ts'

interface Waiting {
  readonly blob: VerifiedBlob
  readonly isNew: Promise<boolean>
  resolve(isNew: boolean): void
  reject(error: Error): void
}

interface UploadParts {
  readonly line: HttpLine
  readonly root: string
  readonly stat: BlobStore['stat']
  readonly random: Random
}

/** Blobs that are added beside each other travel in one request, with a look before it at which of them are lacked. */
export function openHttpUploads(parts: UploadParts): Pick<BlobStore, 'add'> {
  const waiting = new Map<BlobRef, Waiting>()
  const requests = openBudget(HTTP_CONNECTIONS_MAX)
  const sending = new Map<BlobRef, Waiting>()
  let starting: Promise<void> | undefined

  function takeGroup(): Waiting[] {
    const group: Waiting[] = []
    let bytes = 0
    for (const [ref, next] of waiting) {
      bytes += next.blob.bytes.length
      if (group.length > 0 && (bytes > HTTP_UPLOAD_BYTES || group.length >= HTTP_UPLOAD_BLOBS))
        break
      group.push(next)
      waiting.delete(ref)
      sending.set(ref, next)
    }
    return group
  }

  async function startAll(): Promise<void> {
    // Whoever adds in this turn of the event loop goes along.
    await Promise.resolve()
    while (waiting.size > 0) {
      const giveBack = await requests.take(1)
      const group = takeGroup()
      void sendGroup(parts, group).finally(() => {
        for (const { blob } of group) sending.delete(blob.ref)
        giveBack()
      })
    }
    starting = undefined
  }

  return {
    async add(blob) {
      const twin = waiting.get(blob.ref) ?? sending.get(blob.ref)
      if (twin) return twin.isNew.then(() => false)
      const { promise, resolve, reject } = Promise.withResolvers<boolean>()
      waiting.set(blob.ref, { blob, isNew: promise, resolve, reject })
      starting ??= startAll()
      return promise
    },
  }
}

/** Settles all of the group. */
async function sendGroup(parts: UploadParts, group: readonly Waiting[]): Promise<void> {
  try {
    const sizes = await parts.stat(group.map(({ blob }) => blob.ref))
    const lacked = group.filter((_, at) => sizes[at] === undefined)
    const received = lacked.length === 0 ? undefined : await upload(parts, lacked)
    for (const { blob, resolve, reject } of group) {
      if (!received?.sizes.has(blob.ref) && lacked.some(next => next.blob.ref === blob.ref))
        reject(new PeerkeepError('IO', `the server did not take ${blob.ref}: ${received?.reason}`))
      else resolve(received?.sizes.has(blob.ref) === true)
    }
  } catch (error) {
    for (const { reject } of group) reject(error as Error)
  }
}

interface ReceivedAnswer {
  /** Of what the server says to have, whole. */
  readonly sizes: ReadonlyMap<string, number>
  readonly reason: string
}

async function upload(
  { line, root, random }: UploadParts,
  group: readonly Waiting[],
): Promise<ReceivedAnswer> {
  // As likely to stand in a blob as a hash to be guessed.
  const boundary = Buffer.from(random.bytes(32)).toString('hex')
  const body = group.flatMap(({ blob: { ref, bytes } }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${ref}"; filename="${ref}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
    ),
    bytes,
    Buffer.from('\r\n'),
  ])
  const answer = await line.ask({
    method: 'POST',
    path: `${root}camli/upload`,
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: [...body, Buffer.from(`--${boundary}--\r\n`)],
    answerMax: HTTP_PAGE_BYTES_MAX,
  })
  return readReceived(answer.status, answer.body.toString('utf8'), group)
}

function readReceived(status: number, text: string, group: readonly Waiting[]): ReceivedAnswer {
  const sent = new Map<string, number>(group.map(({ blob }) => [blob.ref, blob.bytes.length]))
  const sizes = new Map<string, number>()
  let answer: { received?: { blobRef?: unknown; size?: unknown }[]; errorText?: unknown } = {}
  try {
    answer = JSON.parse(text) as typeof answer
  } catch {
    // Then nothing was received as far as anybody knows.
  }
  for (const { blobRef, size } of Array.isArray(answer.received) ? answer.received : []) {
    if (typeof blobRef === 'string' && typeof size === 'number' && sent.get(blobRef) === size)
      sizes.set(blobRef, size)
  }
  const said = typeof answer.errorText === 'string' ? answer.errorText : text.slice(0, 300)
  return { sizes, reason: `${status} ${said.trim()}` }
}
