/** Bytes that a snapshot has read and the store has not yet kept: a second of a slow disk; more makes none faster. */
export const INTAKE_BYTES_MAX = 20 * 1024 * 1024

/** What the smallest blob takes of that: its promise and its rows, so that tiny blobs are bounded too. */
export const INTAKE_BLOB_BYTES_MIN = 32768

/** Bytes read from a large file at once: several chunks, for a disk's full speed. */
export const READ_BLOCK_BYTES = 4 * 1024 * 1024

/** Blocks of one file that are read ahead of the one that is handed over. */
export const BLOCKS_AHEAD = 2

/** Large files read beside each other: so the thread has the next one to read while the last ends. */
export const LARGE_FILES_AT_ONCE = 3

/** Large files that the walk runs ahead of: their paths, while the small ones between them are stored. */
export const LARGE_FILES_QUEUED_MAX = 1000

/** Bytes of a file kept for whoever looks at its content: enough for the EXIF of any camera. */
export const HEAD_BYTES = 256 * 1024

/** Work without a break, in milliseconds: the node serves others meanwhile. */
export const BUSY_MS_MAX = 20

/** Paths held against the exclude patterns before the matcher, which remembers them all, is made anew. */
export const MATCHED_PATHS_MAX = 10_000

/** Inodes with several names that are remembered; the names beyond are stored as files of their own. */
export const HARD_LINKS_MAX = 1_000_000

/** A file younger than this when it was read may change again without its times showing it. */
export const FRESH_MS = 2000

/** Problems that are listed one by one; a tree that has more is only counted on. */
export const PROBLEMS_MAX = 10_000

/** Blocks that large files are read into: some more than the bytes on their way to the disk fill. */
export const BLOCKS_MAX = 6

/** Content of small files fetched ahead by a restore, in bytes. */
export const PREFETCH_BYTES_MAX = 8 * 1024 * 1024

/** Entries of a folder that a restore looks ahead. */
export const PREFETCH_ENTRIES = 24

/** Files under way in a restore; each may hold eight chunks read ahead, of 1 MiB at most. */
export const RESTORED_FILES_AT_ONCE = 8

/** Threads that make small pictures of large ones: each has one decoded while it does. */
export const PICTURE_THREADS_MAX = 2

/** Pictures that wait for a thread; who comes then is told to come again. */
export const PICTURES_WAITING_MAX = 200

/** Bytes of a picture's file that are read: they are in memory, decoded beside them. */
export const PICTURE_BYTES_MAX = 128 * 1024 * 1024

/** Pixels of a picture that is decoded: what a phone's largest photo has. A PNG of many more is a few KiB. */
export const PICTURE_PIXELS_MAX = 150_000_000

/** Pixels of a HEIC: it is decoded whole, four bytes a pixel. */
export const HEIC_PIXELS_MAX = 50_000_000

/** Seconds that decoding and shrinking one picture may take: a slow machine takes one for a photo. */
export const PICTURE_TIMEOUT_S = 20

/** Milliseconds after which the thread itself is ended, if it did not give up by then. */
export const PICTURE_DEADLINE_MS = 30_000
