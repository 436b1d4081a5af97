import { openBudget } from '../base/budget.ts'
import type { Door, HashedBytes, Received } from '../blob/receive.ts'
import { INTAKE_BLOB_BYTES_MIN, INTAKE_BYTES_MAX } from './limits.ts'

/** Feeds the door with many blobs at once, within a bound of bytes that are not yet durable. */
export interface Intake {
  readonly newBytes: number
  /** Waits for room, then hands the bytes over; `stored` resolves once they are durable. */
  offer(bytes: Uint8Array | HashedBytes): Promise<{ readonly stored: Promise<Received> }>
}

/** `onFailure` is told what the store fails with, before whoever offered may ask. */
export function openIntake(
  door: Door,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Intake {
  const budget = openBudget(INTAKE_BYTES_MAX)
  let newBytes = 0

  async function receive(bytes: Uint8Array | HashedBytes, giveBack: () => void): Promise<Received> {
    try {
      const received = await door.receive(bytes)
      if (received.isNew) newBytes += received.size
      return received
    } finally {
      giveBack()
    }
  }

  return {
    get newBytes() {
      return newBytes
    },
    async offer(bytes) {
      const length = bytes instanceof Uint8Array ? bytes.length : bytes.bytes.length
      const giveBack = await budget.take(Math.max(length, INTAKE_BLOB_BYTES_MIN), signal)
      const stored = receive(bytes, giveBack)
      // Whoever needs the ref awaits it later; until then its failure must not end the process.
      stored.catch(onFailure)
      return { stored }
    },
  }
}
