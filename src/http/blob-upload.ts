import type { IncomingMessage } from 'node:http'

import { type Budget, openBudget } from '../base/budget.ts'
import { asError, isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import { BLOB_SIZE_MAX } from '../blob/limits.ts'
import type { Door } from '../blob/receive.ts'
import { type BlobRef, isBlobRef, parseBlobRef } from '../blob/ref.ts'
import {
  LARGE_PARTS_MAX,
  SMALL_PART_BYTES,
  UPLOAD_PARTS_MAX,
  UPLOADED_BLOB_BYTES_MIN,
  UPLOADED_BYTES_MAX,
  UPLOADS_MAX,
} from './limits.ts'
import { openAtOnce } from './at-once.ts'
import { boundaryOf, readMultipart } from './multipart.ts'
import { bodyOf, sendPerkeepJson } from './respond.ts'
import type { Route } from './server.ts'

interface UploadParts {
  readonly door: Door
  /** Told of the blobs of one upload before they are stored. */
  readonly note: (refs: readonly BlobRef[]) => Promise<void>
  /** Told of what came in, for the figures. */
  readonly onReceived: (blobs: number, bytes: number) => void
  /** Makes what a client asks for with `X-Camlistore-Vivify`: a permanode for each file; answers one of them. */
  readonly vivify: (refs: readonly BlobRef[]) => Promise<BlobRef | undefined>
}

export interface UploadRoutes {
  readonly batch: Route
  readonly put: (ref: string) => Route
}

/**
 * Perkeep's batch upload and PUT. Blobs are taken one after the other as they come in, and are durable before the answer;
 * what is bounded is named in limits.ts: uploads at a time, bytes that are not a whole blob yet, bytes that are not yet
 * durable.
 */
export function uploadRoutes(parts: UploadParts): UploadRoutes {
  const { door, onReceived } = parts
  const large = openBudget(LARGE_PARTS_MAX)
  const storing = openBudget(UPLOADED_BYTES_MAX)
  const counted = openAtOnce(UPLOADS_MAX, 'uploads')

  return {
    batch: counted(async (request, response) => {
      const boundary = boundaryOf(request.headers['content-type'])
      const batch = openBatch(parts, storing)
      // Also what came before a form that breaks off is stored before the answer.
      try {
        await takeParts(request, { boundary, large, batch })
      } finally {
        await batch.settled()
      }
      const { received, errors } = batch.outcome()
      onReceived(
        received.length,
        received.reduce((sum, { size }) => sum + size, 0),
      )
      if (request.headers['x-camlistore-vivify'] === '1') {
        const made = await parts.vivify(received.map(({ blobRef }) => blobRef))
        if (made !== undefined) response.setHeader('X-Camlistore-Vivified', made)
      }
      const errorText = errors.join('\n')
      sendPerkeepJson(response, { received, ...(errorText === '' ? {} : { errorText }) })
    }),
    put: text =>
      counted(async (request, response) => {
        const ref = parseBlobRef(text)
        if (Number(request.headers['content-length'] ?? 0) > BLOB_SIZE_MAX) throw tooLarge()
        const bytes = await gather(bodyOf(request), large)
        await parts.note([ref])
        const giveBack = await storing.take(bytes.length)
        await door.receive(bytes, ref).finally(giveBack)
        onReceived(1, bytes.length)
        response.writeHead(204)
        response.end()
      }),
  }
}

interface Taking {
  readonly boundary: string
  readonly large: Budget
  readonly batch: Batch
}

/** Until the last part, or the first that fails: what came before that stays. */
async function takeParts(
  request: IncomingMessage,
  { boundary, large, batch }: Taking,
): Promise<void> {
  let count = 0
  for await (const { name, body } of readMultipart(bodyOf(request), boundary)) {
    count += 1
    if (count > UPLOAD_PARTS_MAX) {
      batch.refuse(`An upload may have ${UPLOAD_PARTS_MAX} parts.`)
      return
    }
    if (!isBlobRef(name)) {
      batch.refuse(`Ignoring form key ${JSON.stringify(name.slice(0, 200))}`)
      continue
    }
    try {
      await batch.offer(name, await gather(body, large))
    } catch (error) {
      if (!isPeerkeepError(error, 'BLOB_TOO_LARGE')) throw error
      batch.refuse(`Error receiving blob ${name}: ${error.message}`)
      return
    }
    if (batch.hasFailed()) return
  }
}

/** One blob's bytes. What outgrows a small blob waits for one of the few places for large ones. */
async function gather(body: AsyncIterable<Uint8Array>, large: Budget): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  let giveBack: (() => void) | undefined
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > BLOB_SIZE_MAX) throw tooLarge()
      chunks.push(chunk)
      if (size > SMALL_PART_BYTES) giveBack ??= await large.take(1)
    }
    const [only] = chunks
    return chunks.length === 1 && only ? only : Buffer.concat(chunks)
  } finally {
    giveBack?.()
  }
}

function tooLarge(): PeerkeepError {
  return new PeerkeepError(
    'BLOB_TOO_LARGE',
    `a blob may have ${BLOB_SIZE_MAX} bytes; nothing of it was stored`,
  )
}

interface ReceivedBlob {
  readonly blobRef: BlobRef
  readonly size: number
}

interface Batch {
  /** Resolves once the bytes are on their way to the disk. */
  offer(ref: BlobRef, bytes: Uint8Array): Promise<void>
  refuse(reason: string): void
  hasFailed(): boolean
  /** Resolves once all is durable that was not refused. */
  settled(): Promise<void>
  outcome(): { readonly received: readonly ReceivedBlob[]; readonly errors: readonly string[] }
}

/** Blobs noted together: a row each is cheap, a write each is not. */
const NOTED_TOGETHER = 100

function openBatch({ door, note }: UploadParts, storing: Budget): Batch {
  const received: (ReceivedBlob | undefined)[] = []
  const errors: string[] = []
  const running = new Set<Promise<void>>()
  const noted: BlobRef[] = []
  let hasFailed = false
  let noteFailure: Error | undefined

  async function store(blobRef: BlobRef, bytes: Uint8Array, place: number): Promise<void> {
    try {
      const { size } = await door.receive(bytes, blobRef)
      received[place] = { blobRef, size }
    } catch (error) {
      hasFailed = true
      errors.push(`Error receiving blob ${blobRef}: ${reasonOf(error)}\n`)
    }
  }

  /** Beside the storing: nothing is acknowledged before both are durable. */
  function noteAll(): void {
    const doing = note(noted.splice(0)).catch((error: unknown) => {
      hasFailed = true
      noteFailure = asError(error)
    })
    running.add(doing)
  }

  return {
    async offer(ref, bytes) {
      noted.push(ref)
      if (noted.length >= NOTED_TOGETHER) noteAll()
      const giveBack = await storing.take(Math.max(bytes.length, UPLOADED_BLOB_BYTES_MIN))
      const doing = store(ref, bytes, received.push(undefined) - 1).finally(() => {
        giveBack()
        running.delete(doing)
      })
      running.add(doing)
    },
    refuse: reason => void errors.push(reason),
    hasFailed: () => hasFailed,
    async settled() {
      if (noted.length > 0) noteAll()
      await Promise.all(running)
      if (noteFailure !== undefined) throw noteFailure
    },
    outcome: () => ({ received: received.filter(blob => blob !== undefined), errors }),
  }
}

function reasonOf(error: unknown): string {
  return isPeerkeepError(error, 'DIGEST_MISMATCH')
    ? "corrupt blob; digest doesn't match"
    : asError(error).message
}
