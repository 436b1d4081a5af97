import { PeerkeepError } from '../base/errors.ts'
import { parseBlobRef } from '../blob/ref.ts'
import type { Clock } from '../base/clock.ts'
import type { FetchBlob } from '../schema/fetch.ts'
import { writeTar, writeZip } from './archive.ts'
import { archiveEntries } from './archive-entries.ts'
import { ARCHIVE_REFS_MAX } from './file-limits.ts'
import { goneSignal } from './gone-signal.ts'
import { readForm } from './respond.ts'
import type { Route } from './server.ts'

/**
 * Perkeep's download of several files and folders: `files=REF,REF…` as a ZIP, or with `format=tar` as a tar. It is made while it
 * is sent; when something turns out to be missing the connection is cut, so that nobody takes a part for the whole.
 */
export function archiveRoute({
  fetch,
  clock,
}: {
  readonly fetch: FetchBlob
  readonly clock: Clock
}): Route {
  return async (request, response) => {
    const form = await readForm(request)
    const refs = (form.get('files') ?? '').split(',').map(text => parseBlobRef(text.trim()))
    if (refs.length > ARCHIVE_REFS_MAX)
      throw new PeerkeepError('BAD_USAGE', `files may name ${ARCHIVE_REFS_MAX} refs`)
    const format = form.get('format') ?? 'zip'
    if (format !== 'zip' && format !== 'tar')
      throw new PeerkeepError('BAD_USAGE', 'the format is zip or tar')
    const entries = archiveEntries(fetch, refs)
    // What is missing of those that were named shows before anything is sent.
    const first = await entries.next()
    const time = new Date(clock.now()).toISOString().replaceAll(/\D/g, '').slice(0, 14)
    response.writeHead(200, {
      'content-type': format === 'zip' ? 'application/zip' : 'application/x-tar',
      'content-disposition': `attachment; filename=camli-download-${time}.${format}`,
      'x-content-type-options': 'nosniff',
    })
    const archive = { entries: startingWith(first, entries), fetch, signal: goneSignal(response) }
    await (format === 'zip' ? writeZip : writeTar)(response, archive)
    response.end()
  }
}

async function* startingWith<Item>(
  first: IteratorResult<Item>,
  rest: AsyncIterable<Item>,
): AsyncGenerator<Item> {
  if (first.done !== true) yield first.value
  yield* rest
}
