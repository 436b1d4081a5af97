const KiB = 1024
const MiB = 1024 * KiB

/** Largest request body in bytes, where nothing else is said: arguments and forms are names, refs and flags. */
export const REQUEST_BODY_MAX = MiB

/** Largest line of an answer in bytes: a piece of content in base64, or one result. */
export const EVENT_LINE_MAX = 64 * MiB

/** Raw content is cut into pieces of this many bytes, so that a line stays small. */
export const CONTENT_PIECE_BYTES = 256 * KiB

/** Milliseconds a client may take to send its request head. */
export const HEAD_TIMEOUT_MS = 30_000

/** Connections of one server: more than a household's programs open, and some 50 KiB each. */
export const CONNECTIONS_MAX = 512

/** Milliseconds between two looks at what each connection has moved. */
export const PACE_CHECK_MS = 10_000

/** Bytes that a connection must move between two looks while something is under way on it. */
export const PACE_BYTES_MIN = 8 * KiB

/** Looks in a row at which a connection may have been slower, before it is cut: half a minute of silence. */
export const PACE_MISSES_MAX = 3

/** Requests that a client may send ahead on one connection: browsers and Perkeep's tools send none. */
export const PIPELINED_MAX = 64

/** Bytes of a refused request's body that are read to the end, so that the client sees why. */
export const UNREAD_BODY_MAX = 32 * MiB

/** Milliseconds a connection stays open between two requests. */
export const KEEP_ALIVE_MS = 30_000

/** Blobs that one stat or removal may name: Perkeep's limit. */
export const FORM_BLOBS_MAX = 1000

/** Refs of one enumeration's answer: Perkeep's limits. */
export const ENUMERATE_LIMIT_MAX = 10_000
export const ENUMERATE_LIMIT_DEFAULT = 100

/** Longest wait that stat and enumerate offer, in seconds: Perkeep's limit. */
export const WAIT_SECONDS_MAX = 30

/** Requests that may wait for blobs at a time; who comes then is answered at once. */
export const WAITING_MAX = 200

/** Uploads at a time: each may hold a small blob that is not whole yet. */
export const UPLOADS_MAX = 64

/** A part above this many bytes needs one of the large places while it comes in. */
export const SMALL_PART_BYTES = MiB

/** Parts above that at a time, each up to the size of the largest blob: 64 MiB. */
export const LARGE_PARTS_MAX = 4

/** Bytes of uploaded blobs that are whole and not yet durable, of all uploads together. */
export const UPLOADED_BYTES_MAX = 32 * MiB

/** What the smallest blob counts for there: promises and rows, not bytes, are what many tiny ones cost. */
export const UPLOADED_BLOB_BYTES_MIN = 2 * KiB

/** Parts of one upload: as many blobs as fit an answer of some megabytes. */
export const UPLOAD_PARTS_MAX = 50_000

/** Bytes of blobs that are being sent, of all downloads together; a slow reader holds its own until it is cut. */
export const SENT_BYTES_MAX = 64 * MiB

/** Largest JSON that is signed or verified: Perkeep's limit for schema. */
export const SIGNED_JSON_MAX = MiB

/** Milliseconds that a refused request waits for its answer: guessing gets slow, a mistyped password does not. */
export const REFUSAL_DELAY_MS = 500

/** Milliseconds that refusing a share takes at least, whatever the reason: Perkeep's. The time tells nothing then. */
export const SHARE_REFUSAL_MS = 200

/** Blobs that lead from a share to what is asked for: those of a hundred folders, as many as the head of a request has room for. */
export const SHARE_LINKS_MAX = 200

/** Requests for shares worked on at a time, each with one schema blob of its chain in memory; refused ones wait outside. */
export const SHARES_MAX = 128

/** Passwords looked at beside each other: each takes 32 MiB and a core. */
export const PASSWORD_CHECKS_MAX = 2

/** Requests that may wait for that; more are refused unread. */
export const PASSWORD_CHECKS_WAITING_MAX = 32

/** Name-and-password pairs known to be right that are remembered (not as text): a person has a few programs. */
export const KNOWN_CREDENTIALS_MAX = 64

/** Bytes of the head of a part of a form: a name, a file's name and a type. */
export const PART_HEAD_MAX = 8 * KiB

/** Blobs that one description may name. */
export const DESCRIBE_REFS_MAX = 1000

/** Blobs that it may come to: a folder of 25,000 files with their permanodes, which pk-mount asks for at once; 30 MB. */
export const DESCRIBED_MAX = 60_000

/** How far a description follows attributes, and children of a directory that it lists: Perkeep's limits. */
export const DESCRIBE_DEPTH_MAX = 16
export const DESCRIBE_CHILDREN_MAX = 1000

/** Permanodes that one answer lists. */
export const FOUND_MAX = 1000
