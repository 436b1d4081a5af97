import { PeerkeepError } from '../../src/base/errors.ts'
import type { KeyValue } from '../../src/base/key-value.ts'

/** Rows whose batches fail from the given one on, as when the process is gone. */
export function failingAt(rows: KeyValue, batch: number | undefined): KeyValue {
  let left = batch ?? Infinity
  return {
    ...rows,
    async batch(operations, options) {
      if (left-- <= 0) throw new PeerkeepError('IO', 'killed here by the test')
      await rows.batch(operations, options)
    },
  }
}
