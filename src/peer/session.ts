import type { Stream } from '@libp2p/interface'

import { type Clock, delay } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import { openExchange, type Exchange } from './exchange.ts'
import { openFramedStream } from './framed-stream.ts'
import { CONTROL_TIMEOUT_MS } from './limits.ts'
import type { Hello } from './messages.ts'
import { pullFrom } from './pull.ts'
import type { ReplicaSource } from './source.ts'

/** A connected device: what it has is pulled at once, and again whenever it says that there is more. */
export interface Session {
  readonly keyId: KeyId
  readonly hello: Hello
  /** When everything it had was here, in milliseconds since 1970. */
  readonly lastInSync: () => number | undefined
  readonly bytesReceived: () => number
  /** Tells it that there is something new here. */
  notify(): void
  holds(snapshot: BlobRef): Promise<boolean>
  /** Resolves when the session is over. */
  readonly ended: Promise<void>
  close(): void
}

export interface SessionParts {
  readonly source: ReplicaSource
  readonly clock: Clock
  readonly log: Log
  /** Called when the session's numbers have changed. */
  readonly onChange: () => void
}

/** Says hello on a fresh stream and begins. Rejects when the other side does not answer in time. */
export async function openSession(
  stream: Stream,
  keyId: KeyId,
  own: Hello,
  parts: SessionParts,
): Promise<Session> {
  const { source, clock, log } = parts
  const framed = openFramedStream(stream)
  const puller = pullOnDemand(() => exchange, { keyId, ...parts })
  const opened = new AbortController()
  const late = delay(clock, CONTROL_TIMEOUT_MS, opened.signal).then(
    () => framed.abort(new Error('no hello')),
    () => undefined,
  )
  let exchange: Exchange
  try {
    exchange = await openExchange(framed, own, { source, clock, onChanged: puller.wake })
  } finally {
    opened.abort()
    await late
  }
  puller.wake()
  let isNotifying = false
  return {
    keyId,
    hello: exchange.hello,
    lastInSync: () => puller.lastInSync,
    bytesReceived: () => puller.bytes,
    notify() {
      // One notice on its way covers everything that is new until it leaves.
      if (isNotifying) return
      isNotifying = true
      exchange
        .notify()
        .catch((error: unknown) =>
          log.info('peer not told', { peer: keyId, reason: String(error) }),
        )
        .finally(() => (isNotifying = false))
    },
    holds: snapshot => exchange.holds(snapshot),
    ended: exchange.ended.then(error => {
      puller.stop()
      log.info('peer away', { peer: keyId, reason: error?.message })
    }),
    close: () => exchange.close(),
  }
}

interface Puller {
  wake: () => void
  stop: () => void
  readonly lastInSync: number | undefined
  readonly bytes: number
}

/** Runs one pull at a time; asked for more meanwhile, it runs once more. */
function pullOnDemand(
  exchange: () => Exchange,
  { source, clock, log, keyId, onChange }: SessionParts & { readonly keyId: KeyId },
): Puller {
  let isRunning = false
  let isWanted = false
  let isStopped = false
  const progress = { lastInSync: undefined as number | undefined, bytes: 0 }
  const run = async (): Promise<void> => {
    while (isWanted && !isStopped) {
      isWanted = false
      const pulled = await pullFrom(exchange(), source, bytes => (progress.bytes += bytes))
      if (pulled.refused === 0) progress.lastInSync = clock.now()
      else log.warn('peer has what may not be stored', { peer: keyId, blobs: pulled.refused })
      if (pulled.blobs > 0)
        log.info('pulled', { peer: keyId, blobs: pulled.blobs, bytes: pulled.bytes })
      onChange()
    }
    // At once, not when the promise is looked at: a notice that comes in between would be lost.
    isRunning = false
  }
  return {
    wake() {
      isWanted = true
      if (isRunning) return
      isRunning = true
      run().catch((error: unknown) => {
        isRunning = false
        if (isStopped) return
        log.warn('pull failed', { peer: keyId, reason: String(error) })
        exchange().close(error instanceof Error ? error : new Error(String(error)))
      })
    },
    stop: () => (isStopped = true),
    get lastInSync() {
      return progress.lastInSync
    },
    get bytes() {
      return progress.bytes
    },
  }
}
