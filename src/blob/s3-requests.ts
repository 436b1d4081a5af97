import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { S3_CLOSE_MS, S3_REQUESTS_MAX } from './limits.ts'
import type { Bucket } from './s3-bucket.ts'
import { bucketError } from './s3-errors.ts'
import { retry } from './s3-retry.ts'
import { openWorkGate } from './work-gate.ts'

/** Requests to one bucket: bounded in number, tried again where that may help, ended by closing. */
export interface Requests {
  run<Result>(request: (bucket: Bucket, signal: AbortSignal) => Promise<Result>): Promise<Result>
  requireOpen(): void
  close(): Promise<void>
}

export interface RequestsOptions {
  /** Closed with them. */
  readonly bucket: Bucket
  readonly clock: Clock
  readonly random: Random
}

export function openRequests({ bucket, clock, random }: RequestsOptions): Requests {
  const name = `The store in bucket ${bucket.name}`
  const gate = openWorkGate(name, S3_REQUESTS_MAX)
  const closing = new AbortController()
  const cutting = new AbortController()
  const closed = new PeerkeepError('CLOSED', `${name} was closed before a request to it was done.`)

  async function close(): Promise<void> {
    closing.abort(closed)
    const stopWaiting = clock.after(S3_CLOSE_MS, () => cutting.abort(closed))
    await gate.close()
    stopWaiting()
    bucket.close()
  }

  let closedOnce: Promise<void> | undefined
  return {
    run: request =>
      gate.run(async () => {
        try {
          return await retry({ clock, random, closing: closing.signal }, () =>
            request(bucket, cutting.signal),
          )
        } catch (error) {
          throw cutting.signal.aborted ? closed : bucketError(bucket, error)
        }
      }),
    requireOpen: gate.requireOpen,
    close: () => (closedOnce ??= close()),
  }
}
