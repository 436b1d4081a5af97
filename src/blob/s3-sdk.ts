import { hash } from 'node:crypto'

import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'

import { S3_CONNECT_MS, S3_IDLE_MS, S3_LIST_KEYS, S3_REQUESTS_MAX } from './limits.ts'
import { isAbsent, isConflict, isUnsupported, isWordless } from './s3-errors.ts'
import type {
  Bucket,
  BucketOptions,
  GetOptions,
  ListOptions,
  ObjectPage,
  UndeletedObject,
} from './s3-bucket.ts'

/** A bucket as the S3 client of the AWS SDK reaches it. */
export async function openSdkBucket(options: BucketOptions): Promise<Bucket> {
  const client = await openClient(options)
  const name = options.bucket
  return {
    name,
    endpoint: options.endpoint ?? 'Amazon S3',
    async size(key, signal) {
      const command = new HeadObjectCommand({ Bucket: name, Key: key })
      try {
        return (await client.send(command, { abortSignal: signal })).ContentLength ?? 0
      } catch (error) {
        if (isAbsent(error)) return undefined
        if (!isWordless(error)) throw error
        // An answer to HEAD has no body, in which a server says what is wrong; one to GET has.
        return sizeByGet(client, { Bucket: name, Key: key }, signal)
      }
    },
    async get(key, get) {
      const { begin = 0, size = 0 } = get.stretch ?? {}
      const range = size === 0 ? {} : { Range: `bytes=${begin}-${begin + size - 1}` }
      const command = new GetObjectCommand({ Bucket: name, Key: key, ...range })
      const found = await client.send(command, { abortSignal: get.signal }).catch(unlessAbsent)
      return found && readBody(found, get)
    },
    async put(key, bytes, signal) {
      await client.send(putCommand(name, key, bytes), { abortSignal: signal })
    },
    async putNew(key, bytes, signal) {
      const command = putCommand(name, key, bytes, '*')
      try {
        await client.send(command, { abortSignal: signal })
        return 'kept'
      } catch (error) {
        if (isConflict(error)) return 'taken'
        if (isUnsupported(error)) return 'unsupported'
        throw error
      }
    },
    async copy(from, to, signal) {
      const source = `${name}/${from}`.split('/').map(encodeURIComponent).join('/')
      const command = new CopyObjectCommand({ Bucket: name, CopySource: source, Key: to })
      await client.send(command, { abortSignal: signal })
    },
    async delete(key, signal) {
      const command = new DeleteObjectCommand({ Bucket: name, Key: key })
      await client.send(command, { abortSignal: signal }).catch(unlessAbsent)
    },
    deleteAll: (keys, signal) => deleteAll(client, name, keys, signal),
    list: list => listPage(client, name, list),
    close: () => client.destroy(),
  }
}

async function sizeByGet(
  client: S3Client,
  object: { readonly Bucket: string; readonly Key: string },
  signal: AbortSignal,
): Promise<number | undefined> {
  const command = new GetObjectCommand(object)
  const found = await client.send(command, { abortSignal: signal }).catch(unlessAbsent)
  if (found === undefined) return undefined
  // Only its size was wanted.
  ;(found.Body as { destroy(): void } | undefined)?.destroy()
  return found.ContentLength ?? 0
}

async function openClient(options: BucketOptions): Promise<S3Client> {
  const agent = { keepAlive: true, maxSockets: S3_REQUESTS_MAX }
  const config = {
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    ...(options.region === undefined ? {} : { region: options.region }),
    // Else bodies are sent in chunks with a trailer, which Ceph (411) and Swift (501) refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Such requests would each have a connection of their own, of which nobody counts how many.
    expectContinueHeader: false,
    // Retries are ours (s3-retry.ts): they end when the store closes.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: S3_CONNECT_MS,
      socketTimeout: S3_IDLE_MS,
      httpAgent: agent,
      httpsAgent: agent,
    },
  } as const
  const client = new S3Client(config)
  const region = await client.config.region().catch(() => undefined)
  if (region !== undefined) return client
  // Said nowhere. Servers other than Amazon's take any; Amazon answers which one it is.
  client.destroy()
  return new S3Client({ ...config, region: 'us-east-1' })
}

function unlessAbsent(error: unknown): undefined {
  if (isAbsent(error)) return undefined
  throw error
}

// oxlint-disable-next-line max-params -- as the request has them
function putCommand(
  bucket: string,
  key: string,
  bytes: Uint8Array,
  ifNoneMatch?: '*',
): PutObjectCommand {
  return new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: bytes,
    ContentLength: bytes.length,
    ContentType: 'application/octet-stream',
    ...(ifNoneMatch && { IfNoneMatch: ifNoneMatch }),
  })
}

async function readBody(
  { Body, ContentLength }: GetObjectCommandOutput,
  { sizeMax, room }: GetOptions,
): Promise<Uint8Array | 'too large'> {
  const body = Body as AsyncIterable<Uint8Array> & { destroy(): void }
  const size = ContentLength ?? 0
  if (size > sizeMax) {
    body.destroy()
    return 'too large'
  }
  const into = room?.(size) ?? new Uint8Array(size)
  let filled = 0
  for await (const chunk of body) {
    // More than was announced is cut off by Node, and less ends with an error.
    into.set(chunk.subarray(0, size - filled), filled)
    filled += chunk.length
  }
  return into.subarray(0, filled)
}

// oxlint-disable-next-line max-params -- as the request has them
async function deleteAll(
  client: S3Client,
  bucket: string,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<UndeletedObject[]> {
  const command = new DeleteObjectsCommand({
    Bucket: bucket,
    Delete: { Objects: keys.map(Key => ({ Key })), Quiet: true },
  })
  // The client offers no option for it, and Swift takes nothing else as a checksum.
  command.middlewareStack.add(
    next => args => {
      const request = args.request as { headers: Record<string, string>; body: string | Uint8Array }
      request.headers['content-md5'] = hash('md5', request.body, 'base64')
      return next(args)
    },
    { step: 'build', name: 'contentMd5' },
  )
  const answer = await client.send(command, { abortSignal: signal })
  return (answer.Errors ?? [])
    .filter(({ Code }) => Code !== 'NoSuchKey')
    .map(({ Key, Code, Message }) => ({
      key: Key ?? '',
      reason: [Code, Message].filter(Boolean).join(': '),
    }))
}

async function listPage(
  client: S3Client,
  bucket: string,
  { prefix, after, keysMax = S3_LIST_KEYS, signal }: ListOptions,
): Promise<ObjectPage> {
  const command = new ListObjectsV2Command({
    Bucket: bucket,
    Prefix: prefix,
    MaxKeys: keysMax,
    // Keys may hold characters that XML cannot.
    EncodingType: 'url',
    ...(after === undefined ? {} : { StartAfter: after }),
  })
  const page = await client.send(command, { abortSignal: signal })
  const decode = page.EncodingType === 'url' ? decodeKey : (key: string): string => key
  return {
    objects: (page.Contents ?? []).map(({ Key = '', Size = 0 }) => ({
      key: decode(Key),
      size: Size,
    })),
    hasMore: page.IsTruncated === true,
  }
}

/** As HTML forms encode: a plus is a space. */
function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '))
}
