/** Bytes of one frame with its head: exactly one frame of noise, which measures a third faster than 64 KiB. */
export const FRAME_BYTES_MAX = 65_507

/** Bytes of the frames that leave in one send: with TLS, larger sends are no faster. */
export const SEND_BYTES = 4 * FRAME_BYTES_MAX

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

/** Largest claim that is sent along with the news of it: all but those with a novel for a value. */
export const PUSH_BYTES_MAX = 60_000

/** Pushed claims on their way to the disk at a time; then the line waits. */
export const PUSHED_MAX = 256

/** Refs in one request for blobs: some kilobytes, for a dozen megabytes of chunks. */
export const FETCH_REFS_MAX = 256

/** Requests for blobs on one line: while one is answered the next ones are on their way. */
export const FETCHES_IN_FLIGHT = 3

/**
 * Streams for blobs, and the time for an answer above which there are several: on a long line each stream waits for its
 * window, and four fill it half as well again as one; on a short one more bring nothing.
 */
export const BLOB_STREAMS_MAX = 4
export const LONG_LINE_MS = 20

/** Requests of one line that wait to be answered; a peer that sends more is out of order. */
export const WAITING_REQUESTS_MAX = 2 * FETCHES_IN_FLIGHT

/** Bytes of blobs that are read ahead of the line, for each line. */
export const READ_AHEAD_BYTES = 4 * 1024 * 1024

/** Bytes of received blobs that wait for the disk before reading stops. */
export const INCOMING_BYTES_MAX = 16 * 1024 * 1024

/** Blobs on their way to the disk at a time, of one peer: two groups of small ones that share a sync. */
export const STORING_MAX = 1024

/** Lacked refs that wait to be asked for; beyond it a comparison waits. A hundred bytes each. */
export const LACKED_REFS_MAX = 20_000

/** Wanted refs that are set aside for one peer ahead of the requests. */
export const WANTS_AHEAD = 2 * FETCHES_IN_FLIGHT * FETCH_REFS_MAX

/** Messages of a comparison that wait while too much is lacked: questions on their way are fewer. */
export const COMPARE_WAITING_MAX = 1600

/** From a change here to the word of it: what comes in one burst is told at once. */
export const NOTICE_PAUSE_MS = 200

/** A side that has sent nothing for so long says that it is alive; one that hears nothing for thrice that hangs up. */
export const PING_MS = 30_000
export const SILENCE_MAX_MS = 3 * PING_MS

/** Waits between attempts to store again where there was no room. */
export const NO_ROOM_RETRY_MS = 30_000

/** Wanted refs that a peer had not, remembered; one that lacks more is not asked for anything until it has news. */
export const ABSENT_REFS_MAX = 50_000

/** Waits between asking a peer again for what it did not have: they double. */
export const WANT_AGAIN_MIN_MS = 1000
export const WANT_AGAIN_MAX_MS = 60_000

/** Stored bytes between two looks at the free space. */
export const ROOM_LOOK_BYTES = 32 * 1024 * 1024

/** Milliseconds over which the rate of a line is told. */
export const RATE_MS = 5000

/** Nodes with one key that may be connected at a time: the right one, a copy of it, and one that is just going. */
export const RUNS_PER_DEVICE_MAX = 3

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

/** Milliseconds to call a device at all addresses of one kind: of those that nobody answers, two or three. */
export const CALL_MS = 15_000

/** Milliseconds that a device is looked for in the DHT. */
export const FIND_PEER_MS = 10_000

/** From one writing of what devices tell of each other's addresses, and the calls that follow, to the next. */
export const HEARD_PAUSE_MS = 1000

/** Addresses of one device that are tried: what the DHT answers is anybody's word. */
export const FOUND_ADDRESSES_MAX = 16

/** Devices connected to one bootstrap node. */
export const BOOTSTRAP_CONNECTIONS_MAX = 1000

/** Devices that one bootstrap node may be asked to relay to: half of those connected. */
export const RELAY_RESERVATIONS_MAX = 500

/** For how long a device has its place, unless it asks again; it does in the last ten minutes. */
export const RELAY_RESERVATION_MS = 60 * 60 * 1000

/** Relayed connections of one node at a time, and from and to one device: few owners have more. */
export const RELAY_LINES_MAX = 100
export const RELAY_LINES_PER_DEVICE_MAX = 16

/**
 * What one relayed connection may carry, both ways together, and how long it may last: enough for claims and an
 * evening's photos, too little to make the node somebody's pipe. A longer exchange goes on over the next connection.
 */
export const RELAY_BYTES_MAX = 256 * 1024 * 1024
export const RELAY_MS = 30 * 60 * 1000

/**
 * Bytes of one direction that a relay has and could not send on yet, before it pauses the sender, and the largest
 * window of a stream there: for all lines together some 250 MB, if nobody reads.
 */
export const PASSING_BYTES_MAX = 256 * 1024
export const RELAY_WINDOW_MAX = 1024 * 1024

/** From one try to reach a device directly that is connected through a relay to the next. */
export const DIRECT_AGAIN_MS = 60_000

/** Waits between attempts to reach a device: they double from the first to the last. */
export const REDIAL_MIN_MS = 1000
export const REDIAL_MAX_MS = 60_000

/**
 * Members of one leaf of a trie: with more it splits, with a quarter it is joined with its neighbours again. Leaves of
 * 16 to 64 cost about as many bytes to compare as the fingerprints of one more level.
 */
export const LEAF_MEMBERS_MAX = 64
export const LEAF_MEMBERS_MIN = 16

/** Refs that are told at the end of a comparison, for which no answer need be waited: they fit one message. */
export const TOLD_REFS_MAX = 1900

/** Members of a leaf that are told unasked: a leaf of a large set has about a dozen, and an answer less costs a trip. */
export const LISTED_AT_ONCE_MAX = 24

/** Differing branches of 16 up to which that is done. */
export const SPARSE_BRANCHES_MAX = 4

/** Bytes of one message of a reconciliation: with a byte before it, it fits a frame. */
export const RECONCILE_BYTES_MAX = 65_000

/** Questions of one message: their answers together stay below about 2.2 MiB. */
export const QUESTIONS_MAX = 512

/** Questions on their way, and the number below which the next message leaves: a round trip is never idle. */
export const QUESTIONS_IN_FLIGHT_MAX = 1536

/** Members that the other side may say it has: far above any home, small enough that a number is always exact. */
export const MEMBERS_MAX = 2 ** 28

/** Questions, and refs, of one conversation beyond what the two counts explain: new blobs that come in meanwhile. */
export const RECONCILE_SLACK = 65_536
