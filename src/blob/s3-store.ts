import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { BLOB_SIZE_MAX, S3_HEAD_FIRST_BYTES, S3_LIST_KEYS, S3_REQUESTS_MAX } from './limits.ts'
import { type BlobRef, matchesRef } from './ref.ts'
import type { Bucket, PutNewOutcome } from './s3-bucket.ts'
import { listBucket } from './s3-list.ts'
import { openRequests, type Requests } from './s3-requests.ts'
import type { BlobStore, Room, StretchSource, VerifiedBlob } from './store.ts'
import { openTurns } from './work-gate.ts'

export interface S3StoreOptions {
  /** Closed with the store. */
  readonly bucket: Bucket
  /** What keys begin with: empty, or ends with a slash. */
  readonly prefix: string
  /**
   * Whether whoever adds has looked that the blobs are lacked: then nothing is asked before or with a PUT, which servers answer
   * sooner. Of one that came meanwhile the same bytes are put again, and it counts as new.
   */
  readonly isLackedKnown?: boolean | undefined
  readonly clock: Clock
  readonly random: Random
}

/**
 * A plain bucket in Perkeep's layout: one object for each blob, its key the prefix and the ref. What turns out damaged
 * is kept under `<prefix>damaged/`. Closing lets requests that run end for a few seconds, then cuts them off with
 * `CLOSED`. Rejects with `NOT_FOUND` (no such bucket), `STORE_REFUSED`, `STORE_UNREACHABLE`, `BAD_CONFIG`.
 */
export async function openS3Store(options: S3StoreOptions): Promise<BlobStore & StretchSource> {
  const objects = openObjects(options)
  const { requests } = objects
  try {
    // Shows at once what would else show at the first blob; only an answer that lists can tell what is wrong.
    await requests.run((bucket, signal) =>
      bucket.list({ prefix: options.prefix, keysMax: 1, signal }),
    )
  } catch (error) {
    await requests.close()
    throw error
  }
  const turns = openTurns()
  const close = (): Promise<void> => requests.close()
  return {
    async fetch(ref, room) {
      const read = await objects.read(ref, room)
      return read === 'wrong' ? turns(ref, () => objects.setAsideUnlessMended(ref)) : read
    },
    fetchUnverified: (ref, begin, size) =>
      requests.run(async (bucket, signal) => {
        const stretch = { begin, size }
        const key = options.prefix + ref
        const bytes = await bucket.get(key, { sizeMax: size, signal, stretch })
        return bytes === 'too large' ? undefined : bytes
      }),
    async stat(refs) {
      requests.requireOpen()
      return mapSome(refs, objects.size)
    },
    enumerate: after => listBucket(requests, options.prefix, after),
    async add(blob) {
      requests.requireOpen()
      return turns(blob.ref, () => objects.add(blob))
    },
    async remove(refs) {
      requests.requireOpen()
      // Two keys each.
      const atOnce = S3_LIST_KEYS / 2
      for (let i = 0; i < refs.length; i += atOnce) {
        await objects.remove(refs.slice(i, i + atOnce))
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Objects {
  readonly requests: Requests
  size(ref: BlobRef): Promise<number | undefined>
  /** The bytes, undefined without an object, `wrong` when they are not what the ref says. */
  read(ref: BlobRef, room?: Room): Promise<Uint8Array | 'wrong' | undefined>
  add(blob: VerifiedBlob): Promise<boolean>
  remove(refs: readonly BlobRef[]): Promise<void>
  setAsideUnlessMended(ref: BlobRef): Promise<Uint8Array | undefined>
}

function openObjects(options: S3StoreOptions): Objects {
  const { prefix } = options
  const requests = openRequests(options)
  /** Whether the server keeps what is there when told so: undefined until it was tried out. */
  let keepsTaken: boolean | undefined

  const damagedKey = (ref: BlobRef): string => `${prefix}damaged/${ref}`

  const size = (ref: BlobRef): Promise<number | undefined> =>
    requests.run((bucket, signal) => bucket.size(prefix + ref, signal))

  const put = ({ ref, bytes }: VerifiedBlob): Promise<void> =>
    requests.run((bucket, signal) => bucket.put(prefix + ref, bytes, signal))

  /** Also answers whether it was sent more than once: then it may have been taken by itself. */
  async function putNew({
    ref,
    bytes,
  }: VerifiedBlob): Promise<{ outcome: PutNewOutcome; isRepeated: boolean }> {
    let sent = 0
    const outcome = await requests.run((bucket, signal) => {
      sent++
      return bucket.putNew(prefix + ref, bytes, signal)
    })
    return { outcome, isRepeated: sent > 1 }
  }

  async function read(ref: BlobRef, room?: Room): Promise<Uint8Array | 'wrong' | undefined> {
    const bytes = await requests.run((bucket, signal) =>
      bucket.get(prefix + ref, { sizeMax: BLOB_SIZE_MAX, signal, room }),
    )
    if (bytes === undefined) return undefined
    return bytes !== 'too large' && matchesRef(ref, bytes) ? bytes : 'wrong'
  }

  /** One request where the server can be trusted with the question, else one to look and one to put. */
  async function add(blob: VerifiedBlob): Promise<boolean> {
    if (options.isLackedKnown === true) return put(blob).then(() => true)
    let isOurs = false
    if (keepsTaken === true && blob.bytes.length < S3_HEAD_FIRST_BYTES) {
      const { outcome, isRepeated } = await putNew(blob)
      if (outcome === 'kept') return true
      isOurs = isRepeated
    }
    if ((await size(blob.ref)) === blob.bytes.length) return isOurs
    await put(blob)
    if (keepsTaken === undefined) await tryOut(blob)
    return true
  }

  /** Puts a blob again that is there: nothing is lost where the server overwrites it, with the same bytes. */
  async function tryOut(blob: VerifiedBlob): Promise<void> {
    keepsTaken = false
    keepsTaken = await putNew(blob).then(
      ({ outcome }) => outcome === 'taken',
      // The blob is there; the next one may tell.
      () => undefined,
    )
  }

  async function remove(refs: readonly BlobRef[]): Promise<void> {
    const keys = [...new Set(refs)].flatMap(ref => [prefix + ref, damagedKey(ref)])
    const left = await requests.run((bucket, signal) => bucket.deleteAll(keys, signal))
    const [first] = left
    if (first === undefined) return
    const { name, endpoint } = options.bucket
    throw new PeerkeepError(
      'IO',
      `${endpoint} did not delete ${left.length} of ${keys.length} objects in ${name}, first ${first.key} (${first.reason}).`,
    )
  }

  /** Another writer may have put the right bytes there since they were found wrong: then these are the answer. */
  async function setAsideUnlessMended(ref: BlobRef): Promise<Uint8Array | undefined> {
    const bytes = await read(ref)
    if (bytes !== 'wrong') return bytes
    const kept = damagedKey(ref)
    await requests.run((bucket, signal) => bucket.copy(prefix + ref, kept, signal))
    await requests.run((bucket, signal) => bucket.delete(prefix + ref, signal))
    throw damageError(options.bucket.name, ref, kept)
  }

  return { requests, size, read, add, remove, setAsideUnlessMended }
}

function damageError(bucket: string, ref: BlobRef, kept: string): PeerkeepError {
  return new PeerkeepError(
    'BLOB_DAMAGED',
    `The blob ${ref} is damaged in the bucket ${bucket}: its bytes are not what they were. They are now in ${kept}, and the blob can be stored again.`,
    { details: { ref, key: kept } },
  )
}

/** Maps with as many at once as requests may run, however many there are. */
async function mapSome<Item, Result>(
  items: readonly Item[],
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let i = 0; i < items.length; i += S3_REQUESTS_MAX) {
    results.push(...(await Promise.all(items.slice(i, i + S3_REQUESTS_MAX).map(map))))
  }
  return results
}
