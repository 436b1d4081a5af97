import { type BlobLine, type BlobLineOptions, openBlobLine } from './blob-line.ts'
import type { FramedStream } from './framed-stream.ts'

/** Several lines for blobs as one: each request goes to the one with the fewest before it. */
export interface BlobLines extends BlobLine {
  /** How many there are. */
  readonly width: number
}

export function openBlobLines(
  streams: readonly FramedStream[],
  options: BlobLineOptions,
): BlobLines {
  const lines = streams.map(stream => ({ line: openBlobLine(stream, options), waiting: 0 }))
  return {
    width: lines.length,
    async request(refs, take) {
      const [least] = lines.toSorted((a, b) => a.waiting - b.waiting)
      if (!least) throw new TypeError('no line for blobs')
      least.waiting += 1
      try {
        await least.line.request(refs, take)
      } finally {
        least.waiting -= 1
      }
    },
    close: error => lines.forEach(({ line }) => line.close(error)),
  }
}
