/**
 * Every failure that Peerkeep itself detects is a PeerkeepError with one of these codes.
 * The code is stable API (HTTP status and exit code are tables over it); the message is for people
 * and says what happened, to what, and what to do.
 */
export type ErrorCode = keyof typeof errorCodes

export const errorCodes = {
  ABORTED: 'the caller asked to stop',
  AMBIGUOUS: 'a short name fits more than one thing',
  BAD_CLAIM: 'a signed blob is malformed or its signature does not verify',
  BAD_CONFIG: 'the configuration cannot be understood',
  BAD_FRAME: 'a peer sent bytes that are not a message of the protocol',
  BAD_REF: 'text that should be a blob reference is not one',
  BAD_SCHEMA: 'a blob that should be schema cannot be understood',
  BAD_TICKET: 'a pairing ticket is malformed, used, or expired',
  BAD_USAGE: 'a command or an operation was called with arguments it does not take',
  BAD_WORDS: 'the 24 words are not a valid recovery phrase',
  BLOB_DAMAGED: 'stored bytes are not what their reference says',
  BLOB_MISSING: 'a blob that something else needs is not here',
  BLOB_TOO_LARGE: 'a blob would exceed the size limit',
  BUSY: 'as many ask at the moment as can be answered',
  CLOSED: 'the part was used after it was closed',
  DIGEST_MISMATCH: 'bytes offered under a reference hash to another one',
  DISK_FULL: 'there is no room left for what should be written',
  HOME_EXISTS: 'the home already has an owner',
  HOME_LOCKED: 'another process has the home open',
  HOME_MISSING: 'the home has no owner yet',
  IO: 'the operating system refused a read or a write',
  NO_PICTURE: 'a file is no picture that can be shown',
  NOT_ADMIN: 'only an admin device, or the words, may do this',
  NOT_FOUND: 'what was asked for does not exist',
  PARTIAL: 'the operation is done, but not for everything',
  PEER_REFUSED: 'the other device does not let this one in',
  PEER_UNREACHABLE: 'the other device does not answer',
  REFUSED: 'refused for safety; --force does it anyway where that is offered',
  STORE_DAMAGED: 'a pack or a table is not readable as its format says',
  STORE_REFUSED: 'an object store or a server does not let these credentials in',
  STORE_UNREACHABLE: 'an object store or a server does not answer, or is overloaded',
  TIMED_OUT: 'the time allowed was over first',
  UNAUTHORIZED: 'whoever asks did not say who they are, or nobody who may',
} as const

export interface ErrorOptions {
  /** What led to this error. */
  readonly cause?: unknown
  /** Plain data about the error, for logs and for `--json`. */
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

export class PeerkeepError extends Error {
  readonly code: ErrorCode
  readonly details: NonNullable<ErrorOptions['details']>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'PeerkeepError'
    this.code = code
    this.details = options.details ?? {}
  }
}

/** True for a PeerkeepError, or with `code` only for one with that code. */
export function isPeerkeepError(error: unknown, code?: ErrorCode): error is PeerkeepError {
  return error instanceof PeerkeepError && (code === undefined || error.code === code)
}

/** The system's own code (`ENOENT`, `ENOSPC` …) of an error thrown by Node, else undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Whatever was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
