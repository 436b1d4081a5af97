import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Ask, TakeAnswer } from './ask.ts'
import { fetchBlobs, type FetchedBlob } from './fetch-blobs.ts'
import type { FramedStream } from './framed-stream.ts'
import { ANSWER_TIMEOUT_MS, WAITING_REQUESTS_MAX } from './limits.ts'
import { decodeMessage, encodeMessage, type Hello, type Message, type SetName } from './messages.ts'
import { answerRequest, type Request } from './responder.ts'
import type { ReplicaSource } from './source.ts'

/**
 * One long-lived line between two devices: each side asks and answers on it. Answers come in the order of the
 * questions. Memory is bounded by the frame buffer, the waiting requests, and the blobs that wait for the disk.
 */
export interface Exchange {
  /** What the other side said of itself. */
  readonly hello: Hello
  /** The other side's refs of a set, ascending, from behind `after`. */
  list(set: SetName, after?: BlobRef): AsyncGenerator<BlobRef>
  /** Blobs in the order asked for, undefined where the other side has none. Must be read to its end. */
  fetch(refs: readonly BlobRef[]): AsyncGenerator<FetchedBlob>
  holds(snapshot: BlobRef): Promise<boolean>
  /** Tells the other side that there is something new. */
  notify(): Promise<void>
  /** Resolves when the line is over: with undefined after an orderly end, else with why. */
  readonly ended: Promise<Error | undefined>
  close(error?: Error): void
}

interface OpenQuestion {
  stopTimer: () => void
  readonly take: TakeAnswer
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Begins the conversation: hello on both sides, then questions. `onChanged` hears the other side's notices. */
// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export async function openExchange(
  stream: FramedStream,
  own: Hello,
  parts: {
    readonly source: ReplicaSource
    readonly clock: Clock
    readonly onChanged: () => void
  },
): Promise<Exchange> {
  await stream.send(encodeMessage(own))
  const first = await stream.receive()
  const hello = first && decodeMessage(first)
  if (hello?.kind !== 'hello')
    throw new PeerkeepError('BAD_FRAME', 'the other device did not say hello')

  const questions = new Map<number, OpenQuestion>()
  const requests: Request[] = []
  let answering: Promise<void> | undefined
  let lastId = 0
  const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<Error | undefined>()

  const close = (error?: Error): void => {
    if (error) stream.abort(error)
    else void stream.close().catch(() => undefined)
    const reason = error ?? new PeerkeepError('PEER_UNREACHABLE', 'the other device hung up')
    for (const question of questions.values()) {
      question.stopTimer()
      question.reject(reason)
    }
    questions.clear()
    resolveEnded(error)
  }

  async function answerAll(): Promise<void> {
    for (let request = requests.shift(); request; request = requests.shift()) {
      await answerRequest(request, parts.source, message => stream.send(encodeMessage(message)))
    }
    // At once, not when the promise is looked at: a request that comes in between would wait for ever.
    answering = undefined
  }

  function enqueue(request: Request): void {
    if (requests.length >= WAITING_REQUESTS_MAX)
      throw new PeerkeepError('BAD_FRAME', 'too many requests')
    requests.push(request)
    answering ??= answerAll().catch((error: unknown) => close(asError(error)))
  }

  async function handle(message: Message): Promise<void> {
    switch (message.kind) {
      case 'list':
      case 'fetch':
      case 'holds':
        return enqueue(message)
      case 'page':
      case 'piece':
      case 'held':
        return takeAnswer(message)
      case 'changed':
        return parts.onChanged()
      case 'hello':
        throw new PeerkeepError('BAD_FRAME', 'a second hello')
    }
  }

  async function takeAnswer(message: Extract<Message, { readonly id: number }>): Promise<void> {
    const question = questions.get(message.id)
    if (!question) throw new PeerkeepError('BAD_FRAME', 'an answer that nobody asked for')
    question.stopTimer()
    if (await question.take(message)) {
      question.stopTimer = startTimer()
      return
    }
    questions.delete(message.id)
    question.resolve()
  }

  /** A peer that owes an answer and is silent loses its line. */
  function startTimer(): () => void {
    return parts.clock.after(ANSWER_TIMEOUT_MS, () => {
      close(new PeerkeepError('PEER_UNREACHABLE', 'the other device does not answer any more'))
    })
  }

  async function readAll(): Promise<void> {
    for (let frame = await stream.receive(); frame; frame = await stream.receive()) {
      await handle(decodeMessage(frame))
    }
  }
  readAll().then(
    () => close(),
    (error: unknown) => close(asError(error)),
  )

  const ask: Ask = (question, take) =>
    new Promise((resolve, reject) => {
      questions.set(question.id, { take, resolve, reject, stopTimer: startTimer() })
      stream.send(encodeMessage(question)).catch(reject)
    })
  const nextId = (): number => (lastId += 1)
  return {
    hello,
    list: (set, after) => listRefs({ ask, nextId, set }, after),
    fetch: refs => fetchBlobs(ask, nextId, refs),
    async holds(snapshot) {
      let isHeld = false
      await ask({ kind: 'holds', id: nextId(), snapshot }, async message => {
        isHeld = message.kind === 'held' && message.isHeld
        return false
      })
      return isHeld
    },
    notify: () => stream.send(encodeMessage({ kind: 'changed' })),
    ended,
    close,
  }
}

interface Listing {
  readonly ask: Ask
  readonly nextId: () => number
  readonly set: SetName
}

async function* listRefs(
  { ask, nextId, set }: Listing,
  from: BlobRef | undefined,
): AsyncGenerator<BlobRef> {
  let after = from
  for (let isLast = false; !isLast;) {
    let refs: readonly BlobRef[] = []
    const begin = after === undefined ? {} : { after }
    await ask({ kind: 'list', id: nextId(), set, ...begin }, async message => {
      if (message.kind !== 'page')
        throw new PeerkeepError('BAD_FRAME', 'no page where one was asked for')
      ;({ refs, isLast } = message)
      return false
    })
    for (const ref of refs) {
      if (after !== undefined && ref <= after)
        throw new PeerkeepError('BAD_FRAME', 'refs out of order')
      after = ref
      yield ref
    }
    if (refs.length === 0 && !isLast) throw new PeerkeepError('BAD_FRAME', 'an empty page')
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
