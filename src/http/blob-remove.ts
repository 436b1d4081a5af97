import type { BlobRef } from '../blob/ref.ts'
import { blobsOf } from './blob-stat.ts'
import { readForm, sendPerkeepJson } from './respond.ts'
import type { Route } from './server.ts'

/** What is done about blobs that somebody wants removed. */
export interface Removals {
  /**
   * Condemns those that nothing needs: they are no longer here for whoever asks what to send, can still be read,
   * and come back when they are sent again. Answers why each of the others stays, by ref; with any, nothing was condemned.
   */
  condemn(refs: readonly BlobRef[]): Promise<ReadonlyMap<BlobRef, string>>
}

/** Perkeep's removal. What is live stays: a blob that a snapshot or claim needs goes only with it. */
export function removeRoute(removals: Removals): Route {
  return async (request, response) => {
    const refs = blobsOf(await readForm(request))
    const staying = await removals.condemn(refs)
    const [first] = staying
    if (!first) {
      sendPerkeepJson(response, { removed: refs, error: '' })
      return
    }
    const [ref, reason] = first
    const more = staying.size > 1 ? `, and ${staying.size - 1} more are needed too` : ''
    sendPerkeepJson(
      response,
      { removed: null, error: `${ref} stays: ${reason}${more}; nothing was removed` },
      403,
    )
  }
}
