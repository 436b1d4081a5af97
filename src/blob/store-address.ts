import { isAbsolute, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

import { PeerkeepError } from '../base/errors.ts'

/** A plain store that a person named, in the form that its factory takes. */
export type StoreAddress =
  | { readonly kind: 'folder'; readonly directory: string }
  /** `prefix` is empty or ends with a slash, and does not begin with one. */
  | { readonly kind: 'bucket'; readonly bucket: string; readonly prefix: string }

const examples = 'plain+s3://bucket/prefix, or plain+file:///folder'

/**
 * Reads the address of a store in Perkeep's plain layouts. Throws `BAD_USAGE` for anything else: a name that was
 * understood otherwise than meant would spread blobs where nobody looks for them.
 */
export function parseStoreAddress(text: string): StoreAddress {
  const [scheme = '', rest] = text.split(/:\/\/(.*)/s)
  if (rest === undefined) throw badAddress(text, 'it has no kind')
  if (scheme === 'plain+file') return parseFolder(text, rest)
  if (scheme === 'plain+s3') return parseBucket(text, rest)
  throw badAddress(text, `${scheme}:// is no kind of plain store`)
}

function parseFolder(text: string, rest: string): StoreAddress {
  if (!rest.startsWith('/')) {
    throw badAddress(
      text,
      'a folder is named from the root, with three slashes: plain+file:///folder',
    )
  }
  if (/[?#]/.test(rest)) throw badAddress(text, 'write ? as %3F and # as %23')
  let directory: string
  try {
    directory = normalize(fileURLToPath(`file://${rest}`))
  } catch (error) {
    throw badAddress(text, 'its folder cannot be understood (write % as %25)', error)
  }
  const trimmed = directory.replace(/\/+$/, '')
  if (trimmed === '' || !isAbsolute(trimmed)) {
    throw badAddress(text, 'blobs are not kept in the root of the file system')
  }
  return { kind: 'folder', directory: trimmed }
}

const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

function parseBucket(text: string, rest: string): StoreAddress {
  const [bucket = '', path = ''] = rest.split(/\/(.*)/s)
  if (!bucketPattern.test(bucket)) {
    throw badAddress(text, 'its bucket has no valid name (3 to 63 of a-z 0-9 . -)')
  }
  const prefix = path.replace(/\/+$/, '')
  // Perkeep's S3 storage takes such a prefix, but many tools cannot show the objects.
  if (
    prefix !== '' &&
    prefix.split('/').some(part => part === '' || part === '.' || part === '..')
  ) {
    throw badAddress(text, 'a part of its prefix is empty, . or ..')
  }
  return { kind: 'bucket', bucket, prefix: prefix === '' ? '' : `${prefix}/` }
}

function badAddress(text: string, why: string, cause?: unknown): PeerkeepError {
  // Whoever puts keys into an address shall not find them in a log.
  const known = text.replace(/\/\/.*@/s, '//…@')
  const shown = known.length > 200 ? `${known.slice(0, 200)}…` : known
  return new PeerkeepError(
    'BAD_USAGE',
    `${JSON.stringify(shown)} is no address of a plain store: ${why}. It should look like ${examples}.`,
    { cause },
  )
}

/** Where the AWS tools are told of a server that is not Amazon's, and of the region. */
export function s3Environment(environment: Readonly<Record<string, string | undefined>>): {
  readonly endpoint: string | undefined
  readonly region: string | undefined
} {
  const first = (...names: string[]): string | undefined =>
    names.map(name => environment[name]).find(value => value !== undefined && value !== '')
  return {
    endpoint: first('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'),
    region: first('AWS_REGION', 'AWS_DEFAULT_REGION'),
  }
}
