import type { BlobRef } from '../blob/ref.ts'
import type { FetchBlob } from '../schema/fetch.ts'
import type { NodeSchema } from '../schema/tree-reader.ts'
import { PREFETCH_BYTES_MAX } from './limits.ts'

/** Fetches the content of small files before their turn comes: else each would wait for the disk by itself. */
export interface Prefetch {
  readonly fetch: FetchBlob
  /** Begins to fetch the content of an entry, when it is small and there is room. */
  begin(node: NodeSchema | undefined): void
}

export function openPrefetch(fetch: FetchBlob): Prefetch {
  const ahead = new Map<BlobRef, { readonly bytes: ReturnType<FetchBlob>; readonly size: number }>()
  let room = PREFETCH_BYTES_MAX
  return {
    async fetch(ref) {
      const begun = ahead.get(ref)
      if (!begun) return fetch(ref)
      ahead.delete(ref)
      room += begun.size
      return begun.bytes
    },
    begin(node) {
      const [part, more] = node?.type === 'file' ? node.parts : []
      if (part?.blobRef === undefined || more !== undefined) return
      if (part.size > room || ahead.has(part.blobRef)) return
      room -= part.size
      const bytes = fetch(part.blobRef)
      // Whoever asks for it meets the failure; nobody may, when the file is there already.
      bytes.catch(() => undefined)
      ahead.set(part.blobRef, { bytes, size: part.size })
    },
  }
}
