import { PeerkeepError } from '../base/errors.ts'
import type { Room } from './store.ts'

/**
 * What Peerkeep needs of a bucket; s3-sdk.ts makes it of the S3 client. Each call is one request, which rejects with
 * what the client says (see s3-errors.ts) and ends when the signal aborts. Absent is undefined.
 */
export interface Bucket {
  readonly name: string
  /** Its address, for messages. */
  readonly endpoint: string
  /** In bytes. */
  size(key: string, signal: AbortSignal): Promise<number | undefined>
  /** The bytes; `too large` when there are more than `sizeMax`, which are not read then. */
  get(key: string, options: GetOptions): Promise<Uint8Array | 'too large' | undefined>
  /** Keeps an object, whatever has the key. */
  put(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /**
   * Keeps an object unless the key is taken. There are servers that refuse this kind of request (`unsupported`), and
   * some that answer `kept` and have overwritten: whoever relies on it tries it out first.
   */
  putNew(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<PutNewOutcome>
  copy(from: string, to: string, signal: AbortSignal): Promise<void>
  delete(key: string, signal: AbortSignal): Promise<void>
  /** Deletes up to `S3_LIST_KEYS` objects; answers the keys that could not be, with why. */
  deleteAll(keys: readonly string[], signal: AbortSignal): Promise<readonly UndeletedObject[]>
  /** A page of at most `S3_LIST_KEYS` objects behind a key, in the order of their keys' bytes. */
  list(options: ListOptions): Promise<ObjectPage>
  close(): void
}

export type PutNewOutcome = 'kept' | 'taken' | 'unsupported'

export interface GetOptions {
  readonly sizeMax: number
  readonly signal: AbortSignal
  readonly room?: Room | undefined
  /** Only these bytes of it. */
  readonly stretch?: { readonly begin: number; readonly size: number } | undefined
}

export interface UndeletedObject {
  readonly key: string
  readonly reason: string
}

export interface ListOptions {
  readonly prefix: string
  readonly after?: string | undefined
  readonly keysMax?: number
  readonly signal: AbortSignal
}

export interface ObjectPage {
  readonly objects: readonly { readonly key: string; readonly size: number }[]
  /** Whether there is more behind the last of them. */
  readonly hasMore: boolean
}

/** What is not said here is taken from where the AWS tools take it: the environment, `~/.aws`, the machine's role. */
export interface BucketOptions {
  readonly bucket: string
  /** Address of a server that is not Amazon's, as a URL; it is asked by path, not by host name. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly credentials?:
    | {
        readonly accessKeyId: string
        readonly secretAccessKey: string
        readonly sessionToken?: string
      }
    | undefined
}

/**
 * Opens nothing yet: the first request shows whether all is right. The S3 client is loaded only now: it takes a tenth of
 * a second, which a command that has to do with no bucket need not spend. Rejects with `BAD_CONFIG`.
 */
export async function openBucket(options: BucketOptions): Promise<Bucket> {
  const { endpoint } = options
  if (endpoint !== undefined && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    const message = `${JSON.stringify(endpoint)} is no address of an S3 server. It should look like https://s3.example.org.`
    throw new PeerkeepError('BAD_CONFIG', message)
  }
  const { openSdkBucket } = await import('./s3-sdk.ts')
  return openSdkBucket(options)
}
