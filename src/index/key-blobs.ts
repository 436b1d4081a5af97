import type { KeyValue } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import { KEY_BLOBS_MAX } from './limits.ts'
import type { KeyBlobs } from './read-blob.ts'

/** The public keys in the rows, the latest ones kept in memory. */
export function openKeyBlobs(rows: KeyValue): KeyBlobs {
  const cache = new Map<BlobRef, Uint8Array>()

  function keep(ref: BlobRef, bytes: Uint8Array): void {
    const oldest = cache.size >= KEY_BLOBS_MAX ? cache.keys().next().value : undefined
    if (oldest !== undefined) cache.delete(oldest)
    cache.set(ref, bytes)
  }

  return async refs => {
    const unknown = refs.filter(ref => !cache.has(ref))
    const found = new Map(refs.flatMap(ref => asEntry(ref, cache.get(ref))))
    const texts = unknown.length === 0 ? [] : await rows.getMany(unknown.map(ref => `key|${ref}`))
    for (const [i, ref] of unknown.entries()) {
      const text = texts[i]
      if (text === undefined) continue
      const [, latin1] = JSON.parse(text) as [string, string]
      const bytes = Buffer.from(latin1, 'latin1')
      keep(ref, bytes)
      found.set(ref, bytes)
    }
    return found
  }
}

function asEntry(ref: BlobRef, bytes: Uint8Array | undefined): [BlobRef, Uint8Array][] {
  return bytes === undefined ? [] : [[ref, bytes]]
}
