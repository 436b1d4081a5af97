import { type Budget, openBudget } from '../base/budget.ts'
import { openSlabs, type Slabs } from '../base/slabs.ts'
import { asError, PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Room } from '../blob/store.ts'
import { decodeRefs, sendBlob } from './blob-line.ts'
import type { FramedStream } from './framed-stream.ts'
import { READ_AHEAD_BYTES, WAITING_REQUESTS_MAX } from './limits.ts'
import type { ReplicaSource } from './source.ts'

type Blobs = Pick<ReplicaSource, 'stat' | 'fetch'>

/**
 * Answers the questions of one line until its other side closes it; rejects when it breaks the protocol. Blobs are
 * read ahead of the line, as many as a few megabytes hold. What is damaged here counts as not here: the other side may
 * have it elsewhere.
 */
export async function serveBlobs(stream: FramedStream, source: Blobs): Promise<void> {
  const budget = openBudget(READ_AHEAD_BYTES)
  const slabs = openSlabs()
  const stopping = new AbortController()
  let waiting = 0
  let answering = Promise.resolve()
  try {
    for (let frame = await stream.receive(); frame; frame = await stream.receive()) {
      const refs = decodeRefs(frame)
      waiting += 1
      if (waiting > WAITING_REQUESTS_MAX)
        throw new PeerkeepError('BAD_FRAME', 'the other device asks for too much at once')
      answering = answering
        .then(() => answer({ stream, source, budget, slabs, signal: stopping.signal }, refs))
        .finally(() => (waiting -= 1))
      answering.catch((error: unknown) => stream.abort(asError(error)))
    }
    await answering
    await stream.close()
  } finally {
    stopping.abort()
  }
}

interface Answering {
  readonly stream: FramedStream
  readonly source: Blobs
  readonly budget: Budget
  readonly slabs: Slabs
  readonly signal: AbortSignal
}

interface Ahead {
  readonly bytes: Promise<Uint8Array | undefined>
  readonly giveBack: () => void
}

async function answer(parts: Answering, refs: readonly BlobRef[]): Promise<void> {
  const { stream, source } = parts
  const sizes = await source.stat(refs)
  const ahead: Ahead[] = []
  let isSending = true
  let wake: () => void = () => undefined
  const reading = (async () => {
    for (const [at, ref] of refs.entries()) {
      if (!isSending) return
      ahead.push(await readAhead(parts, ref, sizes[at]))
      wake()
    }
  })()
  reading.catch(() => wake())
  try {
    for (let sent = 0; sent < refs.length; sent += 1) {
      while (ahead.length === 0) {
        await Promise.race([reading, new Promise<void>(resolve => (wake = resolve))])
      }
      const next = ahead.shift()
      const bytes = await next?.bytes
      await sendBlob(stream, bytes)
      next?.giveBack()
    }
  } finally {
    isSending = false
    for (const { giveBack } of ahead) giveBack()
    // The reader may wait for the budget, which is free again now.
    await reading.catch(() => undefined)
  }
}

async function readAhead(
  { source, budget, slabs, signal }: Answering,
  ref: BlobRef,
  size: number | undefined,
): Promise<Ahead> {
  if (size === undefined) return { bytes: Promise.resolve(undefined), giveBack: () => undefined }
  const giveBack = await budget.take(size, signal)
  const part = slabs.take(size)
  const room: Room = bytes => (bytes === size ? part.bytes : Buffer.allocUnsafe(bytes))
  const bytes = source.fetch(ref, room).catch(() => undefined)
  return {
    bytes,
    giveBack() {
      giveBack()
      // Not before the read has ended that writes into it.
      void bytes.then(part.giveBack)
    },
  }
}
