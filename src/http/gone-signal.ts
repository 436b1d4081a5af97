import type { ServerResponse } from 'node:http'

import { PeerkeepError } from '../base/errors.ts'

/** Aborts when whoever asked is gone before the answer is. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new PeerkeepError('ABORTED', 'the client went away'))
  })
  return gone.signal
}
