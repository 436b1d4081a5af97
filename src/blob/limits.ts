/** Largest blob in bytes, inclusive: Perkeep's limit (PROTOCOL 1). */
export const BLOB_SIZE_MAX = 16 * 1024 * 1024

/** Bytes that a sequential scan of a pack reads at once: large enough for a disk's full speed. */
export const scanBlockBytes = 4 * 1024 * 1024

/** Bytes read for one header when payloads are skipped: a page, which costs as much as a byte. */
export const scanHeaderBytes = 4096

/** Skips shorter than this are read over instead: one read of this size serves many small records. */
export const scanSkipBytesMin = 64 * 1024

/** Payloads up to this size are hashed even where payloads are skipped: they are in the buffer anyway. */
export const scanSmallPayloadBytes = 4096

/**
 * Bytes that the search behind one damage may hash before it passes over large candidates: a blob
 * full of text that looks like headers would else make it hash 16 MiB for each of them.
 */
export const scanSearchBytesMax = 2 ** 32

/** The candidates that are still hashed then: 200,000 of them in one blob cost some seconds. */
export const scanSmallCandidateBytes = 64 * 1024
