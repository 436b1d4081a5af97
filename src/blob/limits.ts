/** Largest blob in bytes, inclusive: Perkeep's limit. */
export const BLOB_SIZE_MAX = 16 * 1024 * 1024

/** Bytes that a sequential scan of a pack reads at once: large enough for a disk's full speed. */
export const SCAN_BLOCK_BYTES = 4 * 1024 * 1024

/** Bytes read for one header when payloads are skipped: a page, which costs as much as a byte. */
export const SCAN_HEADER_BYTES = 4096

/** Skips shorter than this are read over instead: one read of this size serves many small records. */
export const SCAN_SKIP_BYTES_MIN = 64 * 1024

/** Payloads up to this size are hashed even where payloads are skipped: they are in the buffer anyway. */
export const SCAN_SMALL_PAYLOAD_BYTES = 4096

/**
 * Bytes that the search behind one damage may hash before it passes over large candidates: a blob
 * full of text that looks like headers would else make it hash 16 MiB for each of them.
 */
export const SCAN_SEARCH_BYTES_MAX = 2 ** 32

/** The candidates that are still hashed then: 200,000 of them in one blob cost some seconds. */
export const SCAN_SMALL_CANDIDATE_BYTES = 64 * 1024

/** A pack ends once it is longer than this after an append: Perkeep's limit, in bytes. */
export const PACK_SIZE_MAX = 512 * 1024 * 1024

/** Packs kept open: a store of 100 GiB, and far below what systems allow a process. */
export const OPEN_PACKS_MAX = 200

/** Bytes written and synced as one group: large enough for a disk's full speed, and memory for two of them. */
export const GROUP_BYTES_MAX = 16 * 1024 * 1024

/** Chunks up to this size are copied together before they are written. */
export const GATHERED_CHUNK_BYTES = 16 * 1024

/** Blobs of one group: with tiny blobs the rows of a group, not its bytes, cost time. */
export const GROUP_BLOBS_MAX = 2000

/** Bytes that callers may have waiting in a store; whoever comes then waits for room. */
export const PENDING_BYTES_MAX = 64 * 1024 * 1024

/** The blob index is synced after so many bytes of packs: what a start after a power cut reads again. */
export const UNSYNCED_INDEX_BYTES_MAX = 128 * 1024 * 1024

/**
 * A last pack that the index knows nothing of is read and verified whole up to this size, in bytes; of a longer
 * one the headers are walked. More can only be unknown after the index was lost, since it is synced more often.
 */
export const UNINDEXED_VERIFIED_BYTES = 256 * 1024 * 1024

/** Records of the active pack that are remembered for its table: those of 512 MiB of files, ten megabytes. */
export const REMEMBERED_RECORDS_MAX = 50_000

/** Bytes read at once where reads follow each other: some dozen chunks of files. */
export const READ_AHEAD_BYTES = 1024 * 1024

/** Such stretches kept: for as many readers beside each other, in 8 MiB. */
export const READ_AHEAD_WINDOWS = 8

/** Bytes between two payloads that follow each other: a header, or a small blob that is passed over. */
export const READ_AHEAD_GAP_MAX = 4096

/** Headers overwritten with one sync: some hundred kilobytes in memory. */
export const REMOVALS_PER_BATCH = 2000

/** Rows of a pack's table: twice what 512 MiB of very small blobs make; 90 MB while it is read. */
export const TABLE_ROWS_MAX = 2 ** 21

/** Rows looked up at once by a check: one trip to the index for many small blobs. */
export const CHECK_ROWS_PER_LOOKUP = 500

/** Damages and records without a row that a check keeps in mind: some megabytes of them. */
export const CHECK_PENDING_MAX = 10_000

/** Dead share from which a pack is compacted: at most twice its dead bytes are copied for them. */
export const COMPACT_DEAD_SHARE_MIN = 1 / 3

/** Dead bytes below which a pack is left alone: a few syncs cost more than they are worth. */
export const COMPACT_DEAD_BYTES_MIN = 4 * 1024 * 1024

/** Bytes copied with one sync by a compaction: a blob of the largest size, or many small ones. */
export const COMPACT_BATCH_BYTES = 16 * 1024 * 1024

/** Records copied with one sync: one write of rows to the index. */
export const COMPACT_BATCH_RECORDS = 2000

/** Connections to one server, and so requests to it at a time. */
export const HTTP_CONNECTIONS_MAX = 10

/** Milliseconds without a byte after which a server counts as gone. */
export const HTTP_ANSWER_MS = 120_000

/** How often a request is sent, and milliseconds before the second time; then twice as long each. */
export const HTTP_ATTEMPTS_MAX = 4
export const HTTP_RETRY_MS = 250

/** Refs asked for in one page of a listing: Perkeep's limit. */
export const HTTP_PAGE_REFS = 10_000

/** Largest answer that is a listing, in bytes: such a page has 1.1 MB. */
export const HTTP_PAGE_BYTES_MAX = 8 * 1024 * 1024

/** Refs of one stat or removal: Perkeep's limit. */
export const HTTP_STAT_REFS = 1000

/** Blobs, and bytes of them, that go along in one upload, so that several requests share what there is. */
export const HTTP_UPLOAD_BLOBS = 200
export const HTTP_UPLOAD_BYTES = 1024 * 1024

/** Bytes of blobs on their way from one store to another, and what the smallest counts for. */
export const COPY_BYTES_MAX = 64 * 1024 * 1024
export const COPY_BLOB_BYTES_MIN = 4096

/** Blobs in a row that could not be copied, after which the copy gives up: then it is not the blobs. */
export const COPY_FAILURES_MAX = 100

/** Files of a plain folder that are written or read at once: enough to share syncs, far below what a process may open. */
export const FOLDER_FILES_MAX = 64

/** Files of a plain folder whose sizes are asked for at once. */
export const FOLDER_STATS_AT_ONCE = 64

/** Directories of a plain folder that are listed ahead: of a million blobs, each has some fifteen. */
export const FOLDER_DIRECTORIES_AHEAD = 16

/** Directories known to be durable: all of one hash function (256 + 65536), some ten megabytes. */
export const KNOWN_DIRECTORIES_MAX = 66_000

/** Age in milliseconds from which a half-written file has no writer: nobody writes 16 MiB for a day. */
export const FOLDER_TEMPORARY_AGE_MS = 24 * 60 * 60 * 1000

/** Requests to a bucket that run at once, and connections to its server: each request has one. */
export const S3_REQUESTS_MAX = 32

/** Milliseconds to connect within, and that a connection may be silent: a busy server is slow, not dead. */
export const S3_CONNECT_MS = 10_000
export const S3_IDLE_MS = 60_000

/** Attempts of one request, and the pauses between them: half a minute at most when throttled. */
export const S3_ATTEMPTS_MAX = 6
export const S3_RETRY_MS = 200
export const S3_THROTTLED_MS = 1000
export const S3_RETRY_MS_MAX = 20_000

/** Milliseconds that closing waits for requests that run, before it cuts them off. */
export const S3_CLOSE_MS = 5000

/** Keys in one page of a list and in one deletion: the most that S3 takes. */
export const S3_LIST_KEYS = 1000

/** Size in bytes from which it is cheaper to ask first whether a blob is there than to send it in vain. */
export const S3_HEAD_FIRST_BYTES = 1024 * 1024

/** Entries of one zip of packed blobs, of 16 MiB: two for each smallest schema blob would not fit. */
export const ZIP_ENTRIES_MAX = 100_000

/** Largest manifest of such a zip once it is inflated, in bytes: one that lists a blob for each 64 bytes. */
export const ZIP_MANIFEST_MAX = 32 * 1024 * 1024

/** Blobs of a foreign store whose places are kept with one write. */
export const SOURCE_ROWS_TOGETHER = 2000

/** Blobs that are put into the order of the disk together: some 25 MB of refs and places. */
export const COPY_GROUP_REFS = 100_000
