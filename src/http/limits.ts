/** Largest request body in bytes: arguments of an operation are names and flags. */
export const REQUEST_BODY_MAX = 1024 * 1024

/** Largest line of an answer in bytes: a piece of content in base64, or one result. */
export const EVENT_LINE_MAX = 64 * 1024 * 1024

/** Raw content is cut into pieces of this many bytes, so that a line stays small. */
export const CONTENT_PIECE_BYTES = 256 * 1024

/** Requests that one server works on at a time; later ones are told to come back (503). */
export const REQUESTS_MAX = 64

/** Milliseconds a client may take to send its request head and body. */
export const REQUEST_TIMEOUT_MS = 30_000
