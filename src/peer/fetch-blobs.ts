import { openBudget } from '../base/budget.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Ask } from './ask.ts'
import { FETCH_REFS_MAX, FETCHES_IN_FLIGHT, INCOMING_BYTES_MAX } from './limits.ts'
import { type BlobPiece, type Message, PIECE_BYTES_MAX } from './messages.ts'

export interface FetchedBlob {
  readonly ref: BlobRef
  /** Not yet verified; undefined when the other side has none. */
  readonly bytes: Uint8Array | undefined
}

/**
 * Asks for blobs, a few requests ahead of the answers so that the line is never idle, and yields them in the order
 * asked for. Blobs that the caller has not taken yet are bounded in bytes: reading from the line stops then.
 */
export async function* fetchBlobs(
  ask: Ask,
  nextId: () => number,
  refs: readonly BlobRef[],
): AsyncGenerator<FetchedBlob> {
  const budget = openBudget(INCOMING_BYTES_MAX)
  const ready: { blob: FetchedBlob; giveBack: () => void }[] = []
  let wake: () => void = () => undefined
  let failure: Error | undefined
  let asked = 0
  let open = 0

  const push = async (blob: FetchedBlob): Promise<void> => {
    ready.push({ blob, giveBack: await budget.take(blob.bytes?.length ?? 0) })
    wake()
  }
  const askMore = (): void => {
    while (open < FETCHES_IN_FLIGHT && asked < refs.length) {
      const batch = refs.slice(asked, asked + FETCH_REFS_MAX)
      asked += batch.length
      open += 1
      ask({ kind: 'fetch', id: nextId(), refs: batch }, assembler(batch, push))
        .catch((error: unknown) => (failure ??= asError(error)))
        .finally(() => {
          open -= 1
          askMore()
          wake()
        })
    }
  }
  askMore()
  for (let count = 0; count < refs.length;) {
    const next = ready.shift()
    if (next) {
      count += 1
      yield next.blob
      next.giveBack()
    } else if (failure !== undefined) {
      throw failure
    } else {
      await new Promise<void>(resolve => (wake = resolve))
    }
  }
}

/** Joins the pieces of the blobs of one request, which must come in order and in full. */
function assembler(
  refs: readonly BlobRef[],
  push: (blob: FetchedBlob) => Promise<void>,
): (message: Message) => Promise<boolean> {
  let index = 0
  let pieces: Uint8Array[] = []
  let length = 0
  const takePiece = async (piece: BlobPiece): Promise<void> => {
    const ref = refs[index]
    if (ref === undefined || piece.index !== index)
      throw new PeerkeepError('BAD_FRAME', 'a piece out of order')
    pieces.push(piece.bytes)
    length += piece.bytes.length
    if (length > (piece.size ?? 0))
      throw new PeerkeepError('BAD_FRAME', 'a blob longer than it was said to be')
    if (piece.size !== undefined && length < piece.size) {
      // Full pieces only: a blob in pieces of one byte would cost gigabytes to hold.
      if (piece.bytes.length !== PIECE_BYTES_MAX)
        throw new PeerkeepError('BAD_FRAME', 'a piece cut short')
      return
    }
    const bytes = piece.size === undefined ? undefined : joinPieces(pieces, length)
    pieces = []
    length = 0
    index += 1
    await push({ ref, bytes })
  }
  return async message => {
    if (message.kind !== 'piece')
      throw new PeerkeepError('BAD_FRAME', 'no piece where one was asked for')
    await takePiece(message)
    return index < refs.length
  }
}

function joinPieces(pieces: readonly Uint8Array[], length: number): Uint8Array {
  // A copy also of a single piece: what the line hands out may be used again for what follows.
  return Buffer.concat(pieces, length)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
