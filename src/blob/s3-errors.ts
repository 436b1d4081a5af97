import { asError, type ErrorCode, PeerkeepError, systemCode } from '../base/errors.ts'

/** What can be read from an error that the S3 client threw. */
interface S3Failure {
  /** The server's own word (`NoSuchKey`), or the client's name for the error. */
  readonly code: string
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined
  readonly error: Error
}

function failureOf(thrown: unknown): S3Failure {
  const error = asError(thrown)
  const { $metadata, Code } = error as { $metadata?: { httpStatusCode?: number }; Code?: unknown }
  const status = $metadata?.httpStatusCode
  return { code: typeof Code === 'string' ? Code : error.name, status, error }
}

/** The object is not there. A bucket that is not there is another matter. */
export function isAbsent(thrown: unknown): boolean {
  const { code, status } = failureOf(thrown)
  return status === 404 && code !== 'NoSuchBucket'
}

/** The key is taken (412), or somebody is just taking it (409). */
export function isConflict(thrown: unknown): boolean {
  const { code, status } = failureOf(thrown)
  return status === 412 || (status === 409 && code === 'ConditionalRequestConflict')
}

/** Refused, and the server could not say why, for want of a body. */
export function isWordless(thrown: unknown): boolean {
  const { code, status } = failureOf(thrown)
  return status !== undefined && status < 500 && /^(Unknown|UnknownError|Forbidden)$/.test(code)
}

/** The server has no such feature. */
export function isUnsupported(thrown: unknown): boolean {
  return failureOf(thrown).status === 501
}

const passingStatuses = new Set([408, 425, 429, 500, 502, 503, 504])
/** Sent in part, damaged on the way, or by a clock that the client has set right from the answer since then. */
const passingCodes = new Set([
  'RequestTimeout',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'RequestTimeTooSkewed',
])

/** Whether the same request may well succeed a little later. 501 and 400 for a storage class never do. */
export function isPassing(thrown: unknown): boolean {
  const { code, status } = failureOf(thrown)
  if (status === undefined) return isOfNetwork(thrown)
  return passingStatuses.has(status) || passingCodes.has(code)
}

/** Whether the server asks for fewer requests. */
export function isThrottling(thrown: unknown): boolean {
  const { code, status } = failureOf(thrown)
  return status === 429 || status === 503 || code === 'SlowDown'
}

const networkCodes = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

function isOfNetwork(thrown: unknown): boolean {
  if (asError(thrown).name === 'TimeoutError') return true
  const code = systemCode(thrown)
  return code !== undefined && networkCodes.has(code)
}

/** Which bucket, where: for messages. */
export interface BucketPlace {
  readonly name: string
  readonly endpoint: string
}

/** What went wrong with a bucket, said so that a person can do something about it. */
export function bucketError(place: BucketPlace, thrown: unknown): PeerkeepError {
  if (thrown instanceof PeerkeepError) return thrown
  const failure = failureOf(thrown)
  const [code, message] = explain(place, failure)
  return new PeerkeepError(code, message, {
    cause: thrown,
    details: {
      bucket: place.name,
      endpoint: place.endpoint,
      s3Code: failure.code,
      ...(failure.status === undefined ? {} : { status: failure.status }),
    },
  })
}

function explain(place: BucketPlace, failure: S3Failure): [ErrorCode, string] {
  const { code, status, error } = failure
  const { name, endpoint } = place
  if (status === undefined) return explainNoAnswer(place, error)
  switch (code) {
    case 'NoSuchBucket':
      return [
        'NOT_FOUND',
        `There is no bucket ${name} at ${endpoint}. Check its name and the endpoint, or make it first.`,
      ]
    case 'InvalidBucketName':
      return ['BAD_USAGE', `${name} cannot be a bucket's name, says ${endpoint}.`]
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return [
        'BAD_CONFIG',
        `The bucket ${name} is in another region (${error.message}). Set AWS_REGION to it.`,
      ]
    case 'QuotaExceeded':
      return [
        'DISK_FULL',
        `The quota of ${name} at ${endpoint} is used up. Raise it, or free some.`,
      ]
  }
  if (status === 301) {
    return ['BAD_CONFIG', `The bucket ${name} is in another region. Set AWS_REGION to it.`]
  }
  if (status === 507) return ['DISK_FULL', `${endpoint} has no room left for ${name}.`]
  if (status === 401 || status === 403) return ['STORE_REFUSED', explainRefusal(place, code)]
  if (isPassing(error)) {
    const what = isThrottling(error) ? 'is overloaded or asks for fewer requests' : 'has failed'
    return [
      'STORE_UNREACHABLE',
      `${endpoint} ${what} (${status} ${code}), also when asked again. Try again later.`,
    ]
  }
  return ['IO', `${endpoint} refused a request about ${name} (${status} ${code}): ${error.message}`]
}

function explainRefusal({ name, endpoint }: BucketPlace, code: string): string {
  switch (code) {
    case 'InvalidAccessKeyId':
      return `${endpoint} does not know the access key. Check AWS_ACCESS_KEY_ID or the profile.`
    case 'SignatureDoesNotMatch':
      return `${endpoint} says that the secret key is wrong. Check AWS_SECRET_ACCESS_KEY or the profile.`
    case 'ExpiredToken':
    case 'TokenRefreshRequired':
      return `The session at ${endpoint} is over. Sign in again.`
    case 'RequestTimeTooSkewed':
      return `${endpoint} refuses because this computer's clock is wrong. Set it.`
    default:
      return (
        `${endpoint} does not let these credentials use the bucket ${name} (${code}). They need to list it, ` +
        'and to get, put and delete its objects.'
      )
  }
}

function explainNoAnswer({ name, endpoint }: BucketPlace, error: Error): [ErrorCode, string] {
  if (error.name === 'CredentialsProviderError') {
    return [
      'BAD_CONFIG',
      `There are no credentials for the bucket ${name}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.`,
    ]
  }
  if (!isOfNetwork(error)) return ['IO', `A request to ${endpoint} failed: ${error.message}`]
  const why = systemCode(error) ?? error.name
  return [
    'STORE_UNREACHABLE',
    `${endpoint} does not answer (${why}). Check the address and the connection, and try again.`,
  ]
}
