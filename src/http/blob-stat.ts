import { PeerkeepError } from '../base/errors.ts'
import { type BlobRef, parseBlobRef } from '../blob/ref.ts'
import type { BlobSource } from '../blob/store.ts'
import { type BlobArrivals, waitSeconds } from './blob-arrivals.ts'
import { goneSignal } from './gone-signal.ts'
import { FORM_BLOBS_MAX } from './limits.ts'
import { readForm, sendPerkeepJson } from './respond.ts'
import type { Route } from './server.ts'

/**
 * Perkeep's stat: which of `blob1`, `blob2` … are here, and how large. With `maxwaitsec` it waits until all of them are.
 */
export function statRoute(store: Pick<BlobSource, 'stat'>, arrivals: BlobArrivals): Route {
  return async (request, response) => {
    const form = await readForm(request)
    if ((form.get('camliversion') ?? '') === '')
      throw new PeerkeepError('BAD_USAGE', 'camliversion=1 is missing')
    const refs = blobsOf(form)
    const seconds = waitSeconds(form.get('maxwaitsec'))
    let sizes = await store.stat(refs)
    if (seconds > 0 && sizes.includes(undefined)) {
      await waitForAll(refs, { store, arrivals, seconds, signal: goneSignal(response) })
      sizes = await store.stat(refs)
    }
    const stat = refs.flatMap((blobRef, at) => {
      const size = sizes[at]
      return size === undefined ? [] : { blobRef, size }
    })
    sendPerkeepJson(response, { stat, canLongPoll: true })
  }
}

interface Waiting {
  readonly store: Pick<BlobSource, 'stat'>
  readonly arrivals: BlobArrivals
  readonly seconds: number
  readonly signal: AbortSignal
}

async function waitForAll(refs: readonly BlobRef[], waiting: Waiting): Promise<void> {
  const { store, arrivals, seconds, signal } = waiting
  const missing = new Set(refs)
  const enough = new AbortController()
  const isLast = (ref: BlobRef): boolean => missing.delete(ref) && missing.size === 0
  const arrived = arrivals.wait(seconds, isLast, AbortSignal.any([signal, enough.signal]))
  // Looked up only now, so that none comes in between the look and the listening.
  const sizes = await store.stat(refs)
  for (const [at, ref] of refs.entries()) if (sizes[at] !== undefined) missing.delete(ref)
  if (missing.size === 0) enough.abort()
  await arrived
}

/** `blob1`, `blob2` … without a gap. Throws `BAD_USAGE` for too many, `BAD_REF` for what is no ref. */
export function blobsOf(form: URLSearchParams): BlobRef[] {
  const refs: BlobRef[] = []
  for (let at = 1; ; at += 1) {
    const text = form.get(`blob${at}`) ?? ''
    if (text === '') return refs
    if (at > FORM_BLOBS_MAX)
      throw new PeerkeepError('BAD_USAGE', `at most ${FORM_BLOBS_MAX} blobs may be named at once`)
    refs.push(parseBlobRef(text))
  }
}
