import { createHmac, timingSafeEqual } from 'node:crypto'

import { PeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { SchemaLog } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'
import { definitions, sendPage } from './page.ts'
import { readForm } from './respond.ts'
import type { Route } from './server.ts'

interface SyncParts {
  readonly log: SchemaLog
  readonly index: () => Pick<Index, 'catchUp' | 'meta'>
  readonly random: Random
  readonly messages: Log
}

interface Validation {
  isRunning: boolean
  blobs: number
  missing: number
  failure?: string
}

/**
 * Perkeep's sync handler, from the store into the index: GET shows how it is, and POST with `mode=validate` and the
 * page's token holds each schema blob of the store against the index, in the background, one such run at a time.
 */
export function syncRoutes(parts: SyncParts): { readonly show: Route; readonly validate: Route } {
  const key = parts.random.bytes(32)
  const token = createHmac('sha256', key).update('sync').digest('hex')
  let last: Validation | undefined

  async function run(validation: Validation): Promise<void> {
    await parts.index().catchUp()
    for await (const { ref } of parts.log.readLog()) {
      validation.blobs += 1
      if ((await parts.index().meta(ref)) === undefined) validation.missing += 1
    }
  }

  return {
    async show(_request, response) {
      const shown = {
        from: 'the blobs of this node',
        to: 'its index, which follows by itself',
        'last validation': last === undefined ? 'none since the start' : describe(last),
      }
      sendPage(
        response,
        'Sync',
        `${definitions(shown)}<form method="post"><input type="hidden" name="mode" value="validate"><input type="hidden" name="token" value="${token}"><button>Validate</button></form>`,
      )
    },
    async validate(request, response) {
      const form = await readForm(request)
      if (form.get('mode') !== 'validate')
        throw new PeerkeepError('BAD_USAGE', 'the mode must be validate')
      const given = Buffer.from(form.get('token') ?? '')
      if (given.length !== token.length || !timingSafeEqual(given, Buffer.from(token)))
        throw new PeerkeepError('REFUSED', 'the token is not the one of the page; load it again')
      if (last?.isRunning !== true) {
        const started: Validation = { isRunning: true, blobs: 0, missing: 0 }
        last = started
        void run(started)
          .catch((error: unknown) => {
            started.failure = String(error)
            parts.messages.warn('validation of the index failed', { reason: String(error) })
          })
          .finally(() => (started.isRunning = false))
      }
      response.writeHead(303, { location: request.url ?? '/sync/' })
      response.end()
    },
  }
}

function describe({ isRunning, blobs, missing, failure }: Validation): string {
  const so = `${blobs} schema blobs looked at, ${missing} of them not in the index`
  if (failure !== undefined) return `${so}; then it failed: ${failure}`
  return isRunning ? `running: ${so}` : so
}
