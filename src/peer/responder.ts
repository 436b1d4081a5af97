import type { BlobRef } from '../blob/ref.ts'
import { PAGE_REFS_MAX } from './limits.ts'
import { type Message, PIECE_BYTES_MAX } from './messages.ts'
import type { ReplicaSource } from './source.ts'

/** What can be asked for. */
export type Request = Extract<Message, { readonly kind: 'list' | 'fetch' | 'holds' }>

type Send = (message: Message) => Promise<void>

/** Answers one request. What is damaged here counts as not here: the other side may have it elsewhere. */
export async function answerRequest(
  request: Request,
  source: ReplicaSource,
  send: Send,
): Promise<void> {
  switch (request.kind) {
    case 'list':
      return sendPage(request, source, send)
    case 'fetch':
      return sendBlobs(request.id, request.refs, source, send)
    case 'holds': {
      const isHeld = await source.holds(request.snapshot)
      return send({ kind: 'held', id: request.id, isHeld })
    }
  }
}

async function sendPage(
  { id, set, after }: Extract<Request, { kind: 'list' }>,
  source: ReplicaSource,
  send: Send,
): Promise<void> {
  const refs: BlobRef[] = []
  for await (const { ref } of source.enumerate(set, after)) {
    refs.push(ref)
    if (refs.length === PAGE_REFS_MAX) break
  }
  await send({ kind: 'page', id, refs, isLast: refs.length < PAGE_REFS_MAX })
}

// oxlint-disable-next-line max-params -- what a fetch consists of
async function sendBlobs(
  id: number,
  refs: readonly BlobRef[],
  source: ReplicaSource,
  send: Send,
): Promise<void> {
  const [first, ...rest] = refs
  // One blob is read while the one before it is sent.
  let next = first === undefined ? undefined : readQuietly(source, first)
  for (let index = 0; next !== undefined; index += 1) {
    const bytes = await next
    const following = rest[index]
    next = following === undefined ? undefined : readQuietly(source, following)
    const size = bytes?.length
    const content = bytes ?? new Uint8Array(0)
    for (let at = 0; at === 0 || at < content.length; at += PIECE_BYTES_MAX) {
      await send({
        kind: 'piece',
        id,
        index,
        size,
        bytes: content.subarray(at, at + PIECE_BYTES_MAX),
      })
    }
  }
}

async function readQuietly(source: ReplicaSource, ref: BlobRef): Promise<Uint8Array | undefined> {
  return source.fetch(ref).catch(() => undefined)
}
