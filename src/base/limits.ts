const KiB = 1 << 10
const MiB = 1 << 20

/** Bytes of UTF-8 in a key: far more than a ref with its prefix, far less than a block of Level. */
export const KEY_BYTES_MAX = 1024

/** Bytes of UTF-8 in a value: as large as the largest blob, of which a row may hold a digest at most. */
export const VALUE_BYTES_MAX = 16 * MiB

/** Level's cache of uncompressed blocks: what is looked up by hash is nowhere hot, and scans need a few blocks. */
export const LEVEL_CACHE_BYTES = 8 * MiB

/** Level's write buffer, of which two may be in memory: fewer, larger tables on bulk loads. */
export const LEVEL_WRITE_BUFFER_BYTES = 8 * MiB

/** Rows that a scan of Level fetches at once: the trip to its thread costs as much as a few hundred. */
export const LEVEL_SCAN_ROWS = 1000

/** Rows that it fetches first: most scans are of a few rows, and there may be a hundred thousand of them. */
export const LEVEL_SCAN_ROWS_FIRST = 16

/** Bytes after which such a fetch ends early, so that large values do not pile up. */
export const LEVEL_SCAN_BYTES = 256 * KiB

/** Operations after which waiting batches are no longer merged into one write: some megabytes of rows. */
export const LEVEL_MERGED_OPERATIONS_MAX = 10_000

/** Rows in one leaf of the map in memory: copied whole on a change, so small; few leaves, so not tiny. */
export const MEMORY_LEAF_ROWS = 128

/** Bytes of a piece of memory that is cut up for many, the largest cut, and how many empty pieces are kept. */
export const SLAB_BYTES = MiB
export const SLAB_PART_BYTES_MAX = SLAB_BYTES / 4
export const SPARE_SLABS_MAX = 16
