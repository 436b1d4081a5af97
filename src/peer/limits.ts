/** Bytes of one frame with its head: exactly one frame of noise, which measures a third faster than 64 KiB. */
export const FRAME_BYTES_MAX = 65_507

/** Received bytes that wait for a slow reader before the other side is told to pause. */
export const RECEIVE_BUFFER_BYTES = 1024 * 1024

/**
 * Largest window of a stream, in bytes. Below libp2p's limit for unread bytes (4 MiB), so that a paused stream is
 * never reset for what was on its way.
 */
export const STREAM_WINDOW_MAX = 3 * 1024 * 1024

/** Milliseconds for a hello, and for each step of a pairing but the person's. */
export const CONTROL_TIMEOUT_MS = 30_000

/** Milliseconds without a byte from a peer that owes an answer: then the line is given up. */
export const ANSWER_TIMEOUT_MS = 120_000

/** Requests of one peer that wait to be answered; a peer that sends more is out of order. */
export const WAITING_REQUESTS_MAX = 64

/** Refs in one page of a listing: 500 of them fit a frame. */
export const PAGE_REFS_MAX = 500

/** Refs in one request for blobs: of chunks of 64 KiB, about 2 MiB. */
export const FETCH_REFS_MAX = 32

/** Requests for blobs that are open at a time: while one is answered, the next one is on its way. */
export const FETCHES_IN_FLIGHT = 3

/** Bytes of received blobs that wait for the disk before reading stops. */
export const INCOMING_BYTES_MAX = 16 * 1024 * 1024

/** Refs that a pull gathers before it fetches them: some hundred kilobytes of text. */
export const PULL_BATCH_REFS = 4000

/** Longest JSON of a pairing in bytes: the certificates of a hundred devices. */
export const PAIRING_BYTES_MAX = 1024 * 1024

/** Connections of strangers at a time while a ticket is open, and how long each may last. */
export const STRANGERS_MAX = 4
export const STRANGER_MS = 30_000

/** A ticket is good for ten minutes, one use, and this many wrong secrets. */
export const TICKET_MS = 600_000
export const WRONG_SECRETS_MAX = 3

/** From one look whether the bootstrap nodes are still connected to the next. */
export const RENDEZVOUS_CALL_MS = 60_000

/** Milliseconds that a device is looked for in the DHT. */
export const FIND_PEER_MS = 10_000

/** Addresses of one device that are tried: what the DHT answers is anybody's word. */
export const FOUND_ADDRESSES_MAX = 16

/** Devices connected to one bootstrap node. */
export const BOOTSTRAP_CONNECTIONS_MAX = 1000

/** Waits between attempts to reach a device: they double from the first to the last. */
export const REDIAL_MIN_MS = 1000
export const REDIAL_MAX_MS = 60_000

/**
 * Members of one leaf of a trie: with more it splits, with a quarter it is joined with its neighbours again. Leaves of
 * 16 to 64 cost about as many bytes to compare as the fingerprints of one more level.
 */
export const LEAF_MEMBERS_MAX = 64
export const LEAF_MEMBERS_MIN = 16

/** Bytes of one message of a reconciliation: with a byte before it, it fits a frame. */
export const RECONCILE_BYTES_MAX = 65_000

/** Questions of one message: their answers together stay below about 1.2 MiB. */
export const QUESTIONS_MAX = 512

/** Questions on their way, and the number below which the next message leaves: a round trip is never idle. */
export const QUESTIONS_IN_FLIGHT_MAX = 1024

/** Members that the other side may say it has: far above any home, small enough that a number is always exact. */
export const MEMBERS_MAX = 2 ** 28

/** Questions, and refs, of one conversation beyond what the two counts explain: new blobs that come in meanwhile. */
export const RECONCILE_SLACK = 65_536
