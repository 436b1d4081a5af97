import { PeerkeepError } from '../base/errors.ts'
import { type BlobRef, isBlobRef } from './ref.ts'
import type { ObjectPage } from './s3-bucket.ts'
import type { Requests } from './s3-requests.ts'
import type { SizedRef } from './store.ts'

/** All refs begin so: what Perkeep or others keep beside them is not even listed, most of it. */
const refStart = 'sha'

/** The blobs of a bucket in order, which S3 lists by the bytes of their keys; one page is fetched ahead. */
export async function* listBucket(
  requests: Requests,
  prefix: string,
  after?: BlobRef,
): AsyncIterable<SizedRef> {
  requests.requireOpen()
  const fetchPage = (from: string | undefined): Promise<ObjectPage> => {
    const page = requests.run((bucket, signal) =>
      bucket.list({ prefix: prefix + refStart, after: from, signal }),
    )
    // Whoever stops early never asks for it.
    page.catch(() => undefined)
    return page
  }
  let last = after === undefined ? undefined : prefix + after
  for (let next: Promise<ObjectPage> | undefined = fetchPage(last); next;) {
    const page: ObjectPage = await next
    last = checkOrder(page, last)
    next = page.hasMore ? fetchPage(last) : undefined
    for (const { key, size } of page.objects) {
      const ref = key.slice(prefix.length)
      if (!isBlobRef(ref)) continue
      requests.requireOpen()
      yield { ref, size }
    }
  }
}

/** The last key of a page. Some servers do not begin where they are told, or list in no order: such lists never end. */
function checkOrder({ objects, hasMore }: ObjectPage, before: string | undefined): string {
  let last = before ?? ''
  for (const { key } of objects) {
    if (isBefore(last, key)) last = key
    else throw disorder(`${key} after ${last}`)
  }
  if (hasMore && objects.length === 0) throw disorder('nothing, and says that there is more')
  return last
}

function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
}

function disorder(what: string): PeerkeepError {
  return new PeerkeepError(
    'IO',
    `The bucket lists ${what}: its objects are not listed in the order of their keys, so it cannot be compared. ` +
      'Use a server (or a kind of bucket) that lists in order.',
  )
}
