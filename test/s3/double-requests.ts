import { createHash, randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { S3Refusal } from './double-errors.ts'
import { addPart, complete, partsInOrder, type Upload } from './double-multipart.ts'
import {
  checkConditions,
  etagOf,
  listKeys,
  rangeOf,
  type SortedObjects,
  sortedObjects,
  type StoredObject,
} from './double-objects.ts'
import { document, elements, elementText, type XmlValue } from './double-xml.ts'

/** What the servers that were tried differ in; as they stand here, it is Amazon's own S3. */
export interface Habits {
  /** `unsupported`: 501, as Swift. `ignored`: 200 and overwritten, as emulators do. */
  conditionalPut: 'kept' | 'unsupported' | 'ignored'
  /** CompleteMultipartUpload with a condition succeeds whatever is there, as Ceph 16. */
  ignoresConditionalComplete: boolean
  /** CompleteMultipartUpload answers an empty ETag, as Ceph 16; HEAD has it. */
  emptyCompleteEtag: boolean
  /** 400 for each storage class but STANDARD, as Swift. */
  refusesStorageClasses: boolean
  /** 400 for DeleteObjects without Content-MD5, as Swift. */
  needsDeleteMd5: boolean
}

export interface DoubleRequest {
  readonly method: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

export interface DoubleAnswer {
  readonly status: number
  readonly headers?: Record<string, string | number>
  readonly body?: string | Uint8Array
}

interface DoubleBucket {
  readonly objects: SortedObjects
  readonly uploads: Map<string, Upload>
}

export interface DoubleState {
  readonly buckets: Map<string, DoubleBucket>
  readonly habits: Habits
}

const done: DoubleAnswer = { status: 200 }
const gone: DoubleAnswer = { status: 204 }

export function answerRequest(state: DoubleState, request: DoubleRequest): DoubleAnswer {
  checkMd5(request)
  if (request.bucket === '') throw new S3Refusal(501, 'NotImplemented')
  return request.key === '' ? answerBucket(state, request) : answerObject(state, request)
}

function bucketOf({ buckets }: DoubleState, name: string): DoubleBucket {
  const bucket = buckets.get(name)
  if (bucket === undefined) throw new S3Refusal(404, 'NoSuchBucket')
  return bucket
}

function answerBucket(state: DoubleState, request: DoubleRequest): DoubleAnswer {
  const { method, bucket: name, query } = request
  if (method === 'PUT') return createBucket(state, name)
  const bucket = bucketOf(state, name)
  if (method === 'HEAD') return done
  if (method === 'DELETE') {
    if (bucket.objects.size > 0) throw new S3Refusal(409, 'BucketNotEmpty')
    state.buckets.delete(name)
    return gone
  }
  if (method === 'POST' && query.has('delete')) return deleteObjects(state, bucket, request)
  if (method === 'GET' && query.has('uploads')) return listUploads(bucket, name)
  if (method === 'GET' && query.get('list-type') === '2') return listObjects(bucket, request)
  throw new S3Refusal(501, 'NotImplemented')
}

function createBucket({ buckets }: DoubleState, name: string): DoubleAnswer {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
    throw new S3Refusal(400, 'InvalidBucketName')
  if (!buckets.has(name)) buckets.set(name, { objects: sortedObjects(), uploads: new Map() })
  return done
}

function listObjects({ objects }: DoubleBucket, { bucket, query }: DoubleRequest): DoubleAnswer {
  const keysMax = Math.min(1000, Number(query.get('max-keys') ?? 1000))
  if (!(keysMax >= 0)) throw new S3Refusal(400, 'InvalidArgument')
  const token = query.get('continuation-token')
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const isEncoded = query.get('encoding-type') === 'url'
  const encode = (key: string): string =>
    isEncoded ? encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/') : key
  const after =
    token === null
      ? (query.get('start-after') ?? '')
      : Buffer.from(token, 'base64url').toString('utf8')
  const { keys, prefixes, next } = listKeys(objects, { prefix, delimiter, after, keysMax })
  const contents = keys.map(key => {
    const object = objects.get(key)
    return {
      Key: encode(key),
      LastModified: object?.modified.toISOString(),
      ETag: object?.etag,
      Size: object?.bytes.length,
      StorageClass: object?.storageClass,
    }
  })
  return xmlAnswer('ListBucketResult', {
    Name: bucket,
    Prefix: encode(prefix),
    Delimiter: delimiter === '' ? undefined : delimiter,
    EncodingType: isEncoded ? 'url' : undefined,
    MaxKeys: keysMax,
    KeyCount: keys.length + prefixes.length,
    IsTruncated: next !== undefined,
    NextContinuationToken:
      next === undefined ? undefined : Buffer.from(next, 'utf8').toString('base64url'),
    Contents: contents,
    CommonPrefixes: prefixes.map(each => ({ Prefix: encode(each) })),
  })
}

function deleteObjects(
  { habits }: DoubleState,
  { objects }: DoubleBucket,
  { body, headers }: DoubleRequest,
): DoubleAnswer {
  const hasMd5 = headers['content-md5'] !== undefined
  const hasChecksum = Object.keys(headers).some(name => name.startsWith('x-amz-checksum-'))
  if (!hasMd5 && (habits.needsDeleteMd5 || !hasChecksum))
    throw new S3Refusal(400, 'InvalidRequest', 'Missing required header: Content-MD5')
  const text = Buffer.from(body).toString('utf8')
  const keys = elements(text, 'Object').map(object => elementText(object, 'Key') ?? '')
  if (keys.length === 0 || keys.length > 1000) throw new S3Refusal(400, 'MalformedXML')
  for (const key of keys) objects.delete(key)
  const isQuiet = elementText(text, 'Quiet') === 'true'
  return xmlAnswer('DeleteResult', { Deleted: isQuiet ? [] : keys.map(Key => ({ Key })) })
}

function listUploads({ uploads }: DoubleBucket, name: string): DoubleAnswer {
  return xmlAnswer('ListMultipartUploadsResult', {
    Bucket: name,
    IsTruncated: false,
    Upload: [...uploads].map(([UploadId, { key, begun }]) => ({
      Key: key,
      UploadId,
      Initiated: begun.toISOString(),
    })),
  })
}

function answerObject(state: DoubleState, request: DoubleRequest): DoubleAnswer {
  const { method, query, key } = request
  const bucket = bucketOf(state, request.bucket)
  if (query.has('uploads') && method === 'POST') return beginUpload(state, bucket, request)
  if (query.has('uploadId')) return answerUpload(state, bucket, request)
  switch (method) {
    case 'PUT':
      return putObject(state, bucket, request)
    case 'GET':
    case 'HEAD':
      return getObject(bucket, request)
    case 'DELETE':
      bucket.objects.delete(key)
      return gone
    default:
      throw new S3Refusal(405, 'MethodNotAllowed')
  }
}

function putObject(
  state: DoubleState,
  { objects }: DoubleBucket,
  request: DoubleRequest,
): DoubleAnswer {
  const { headers, key, body } = request
  const source = headers['x-amz-copy-source']
  if (source === undefined && headers['content-length'] === undefined)
    throw new S3Refusal(411, 'MissingContentLength')
  checkPutConditions(state.habits, request, objects.get(key))
  if (source !== undefined) return copyObject(state, objects, request)
  const object = { ...aboutOf(state.habits, headers), ...contentOf(body) }
  objects.set(key, object)
  return { status: 200, headers: { etag: object.etag } }
}

function checkPutConditions(
  { conditionalPut }: Habits,
  { headers }: DoubleRequest,
  found: StoredObject | undefined,
): void {
  const { ifMatch, ifNoneMatch } = conditionsOf(headers)
  if (ifMatch === undefined && ifNoneMatch === undefined) return
  if (conditionalPut === 'unsupported') throw new S3Refusal(501, 'NotImplemented')
  if (conditionalPut === 'kept') checkConditions({ ifMatch, ifNoneMatch }, found)
}

function copyObject(
  state: DoubleState,
  objects: DoubleBucket['objects'],
  { headers, key }: DoubleRequest,
): DoubleAnswer {
  const source = decodeURIComponent(String(headers['x-amz-copy-source'])).replace(/^\//, '')
  const slash = source.indexOf('/')
  const from = bucketOf(state, source.slice(0, slash)).objects.get(source.slice(slash + 1))
  if (from === undefined) throw new S3Refusal(404, 'NoSuchKey')
  const copy = { ...from, modified: new Date() }
  objects.set(key, copy)
  return xmlAnswer('CopyObjectResult', {
    ETag: copy.etag,
    LastModified: copy.modified.toISOString(),
  })
}

function getObject({ objects }: DoubleBucket, request: DoubleRequest): DoubleAnswer {
  const { headers, key, method } = request
  const object = objects.get(key)
  if (object === undefined) throw new S3Refusal(404, 'NoSuchKey')
  const { ifMatch, ifNoneMatch } = conditionsOf(headers)
  checkConditions({ ifMatch }, object)
  if (
    ifNoneMatch !== undefined &&
    ifNoneMatch.replaceAll('"', '') === object.etag.replaceAll('"', '')
  )
    return { status: 304, headers: { etag: object.etag } }
  const range = rangeOf(headers.range, object.bytes.length)
  const bytes = range === undefined ? object.bytes : object.bytes.subarray(range.start, range.end)
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      etag: object.etag,
      'last-modified': object.modified.toUTCString(),
      'content-type': object.contentType,
      'content-length': bytes.length,
      'accept-ranges': 'bytes',
      ...(object.storageClass === 'STANDARD' ? {} : { 'x-amz-storage-class': object.storageClass }),
      ...object.metadata,
      ...(range && {
        'content-range': `bytes ${range.start}-${range.end - 1}/${object.bytes.length}`,
      }),
    },
    ...(method === 'HEAD' ? {} : { body: bytes }),
  }
}

function beginUpload(
  { habits }: DoubleState,
  { uploads }: DoubleBucket,
  { bucket, key, headers }: DoubleRequest,
): DoubleAnswer {
  const UploadId = randomUUID()
  const about = aboutOf(habits, headers)
  uploads.set(UploadId, { key, begun: new Date(), about, parts: new Map() })
  return xmlAnswer('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId })
}

function answerUpload(
  state: DoubleState,
  bucket: DoubleBucket,
  request: DoubleRequest,
): DoubleAnswer {
  const { method, query, key, body } = request
  const id = query.get('uploadId') ?? ''
  const upload = bucket.uploads.get(id)
  if (upload === undefined || upload.key !== key) throw new S3Refusal(404, 'NoSuchUpload')
  switch (method) {
    case 'PUT': {
      const { etag } = addPart(upload, Number(query.get('partNumber')), body)
      return { status: 200, headers: { etag } }
    }
    case 'GET':
      return listParts(upload, request)
    case 'POST':
      return completeUpload(state, bucket, request)
    case 'DELETE':
      bucket.uploads.delete(id)
      return gone
    default:
      throw new S3Refusal(405, 'MethodNotAllowed')
  }
}

function listParts(upload: Upload, { bucket, key, query }: DoubleRequest): DoubleAnswer {
  const marker = Number(query.get('part-number-marker') ?? 0)
  const partsMax = Math.min(1000, Number(query.get('max-parts') ?? 1000))
  const rest = partsInOrder(upload).filter(([number]) => number > marker)
  const page = rest.slice(0, partsMax)
  return xmlAnswer('ListPartsResult', {
    Bucket: bucket,
    Key: key,
    UploadId: query.get('uploadId') ?? '',
    IsTruncated: rest.length > page.length,
    NextPartNumberMarker: page.at(-1)?.[0] ?? marker,
    Part: page.map(([PartNumber, { bytes, etag, modified }]) => ({
      PartNumber,
      Size: bytes.length,
      ETag: etag,
      LastModified: modified.toISOString(),
    })),
  })
}

function completeUpload(
  { habits }: DoubleState,
  { objects, uploads }: DoubleBucket,
  { bucket, key, query, headers, body }: DoubleRequest,
): DoubleAnswer {
  const id = query.get('uploadId') ?? ''
  if (!habits.ignoresConditionalComplete) checkConditions(conditionsOf(headers), objects.get(key))
  const object = complete(uploads.get(id) as Upload, Buffer.from(body).toString('utf8'))
  objects.set(key, object)
  uploads.delete(id)
  const ETag = habits.emptyCompleteEtag ? '' : object.etag
  return xmlAnswer('CompleteMultipartUploadResult', { Bucket: bucket, Key: key, ETag })
}

const storageClasses = new Set(['STANDARD', 'STANDARD_IA', 'GLACIER', 'DEEP_ARCHIVE'])

function aboutOf(
  { refusesStorageClasses }: Habits,
  headers: IncomingHttpHeaders,
): Pick<StoredObject, 'contentType' | 'storageClass' | 'metadata'> {
  const storageClass = String(headers['x-amz-storage-class'] ?? 'STANDARD')
  if (!storageClasses.has(storageClass) || (refusesStorageClasses && storageClass !== 'STANDARD'))
    throw new S3Refusal(400, 'InvalidStorageClass')
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'))
  return {
    contentType: headers['content-type'] ?? 'binary/octet-stream',
    storageClass,
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name, String(value)])),
  }
}

function contentOf(bytes: Uint8Array): Pick<StoredObject, 'bytes' | 'etag' | 'modified'> {
  return { bytes, etag: etagOf(bytes), modified: new Date() }
}

function conditionsOf(headers: IncomingHttpHeaders): {
  ifMatch: string | undefined
  ifNoneMatch: string | undefined
} {
  return { ifMatch: headers['if-match'], ifNoneMatch: headers['if-none-match'] }
}

function checkMd5({ headers, body }: DoubleRequest): void {
  const given = headers['content-md5']
  if (given === undefined) return
  if (Buffer.from(String(given), 'base64').length !== 16) throw new S3Refusal(400, 'InvalidDigest')
  if (createHash('md5').update(body).digest('base64') !== given)
    throw new S3Refusal(400, 'BadDigest')
}

function xmlAnswer(name: string, value: XmlValue): DoubleAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: document(name, value),
  }
}
