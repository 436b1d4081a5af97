import { createHash } from 'node:crypto'

import { S3Refusal } from './double-errors.ts'

export interface StoredObject {
  readonly bytes: Uint8Array
  /** With its quotes. */
  readonly etag: string
  readonly modified: Date
  readonly contentType: string
  readonly storageClass: string
  /** `x-amz-meta-…` as they came. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Objects in the order of the bytes of their keys. */
export interface SortedObjects {
  readonly size: number
  get(key: string): StoredObject | undefined
  set(key: string, object: StoredObject): void
  delete(key: string): void
  keys(): readonly string[]
}

export function sortedObjects(): SortedObjects {
  const objects = new Map<string, StoredObject>()
  let sorted: string[] | undefined
  return {
    get size() {
      return objects.size
    },
    get: key => objects.get(key),
    set(key, object) {
      if (!objects.has(key)) sorted = undefined
      objects.set(key, object)
    },
    delete(key) {
      if (objects.delete(key)) sorted = undefined
    },
    keys() {
      sorted ??= [...objects.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      return sorted
    },
  }
}

export function plainObject(bytes: Uint8Array): StoredObject {
  const about = { contentType: 'binary/octet-stream', storageClass: 'STANDARD', metadata: {} }
  return { ...about, bytes, etag: etagOf(bytes), modified: new Date() }
}

export function etagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}

/** Throws unless the request's conditions hold for what has the key. */
export function checkConditions(
  headers: { readonly ifMatch?: string | undefined; readonly ifNoneMatch?: string | undefined },
  found: StoredObject | undefined,
): void {
  const { ifMatch, ifNoneMatch } = headers
  if (ifMatch !== undefined) {
    if (found === undefined) throw new S3Refusal(404, 'NoSuchKey')
    if (!isSameEtag(ifMatch, found.etag)) throw new S3Refusal(412, 'PreconditionFailed')
  }
  if (ifNoneMatch === undefined || found === undefined) return
  if (ifNoneMatch === '*' || isSameEtag(ifNoneMatch, found.etag))
    throw new S3Refusal(412, 'PreconditionFailed')
}

function isSameEtag(a: string, b: string): boolean {
  return a.replaceAll('"', '') === b.replaceAll('"', '')
}

/** The bytes that a Range header asks for; undefined for one that is none, which is passed over. */
export function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (match === null || match[0] === 'bytes=-') return undefined
  const [, from = '', to = ''] = match
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1)
  if (start >= size || start >= end) throw new S3Refusal(416, 'InvalidRange')
  return { start, end }
}

export interface ListQuery {
  readonly prefix: string
  readonly delimiter: string
  readonly after: string
  readonly keysMax: number
}

export interface ListAnswer {
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined
}

export function listKeys(
  objects: SortedObjects,
  { prefix, delimiter, after, keysMax }: ListQuery,
): ListAnswer {
  const keys: string[] = []
  const prefixes = new Set<string>()
  let last = ''
  for (const key of objects.keys()) {
    if (!key.startsWith(prefix) || !isAfter(key, after)) continue
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const common = cut === -1 ? undefined : key.slice(0, cut + delimiter.length)
    // All of a common prefix is one entry, also when the page before ended with it.
    if (common !== undefined && (prefixes.has(common) || after.startsWith(common))) continue
    if (keys.length + prefixes.size >= keysMax)
      return { keys, prefixes: [...prefixes], next: keysMax === 0 ? undefined : last }
    if (common === undefined) keys.push(key)
    else prefixes.add(common)
    last = common ?? key
  }
  return { keys, prefixes: [...prefixes], next: undefined }
}

function isAfter(a: string, b: string): boolean {
  return b === '' || Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0
}
