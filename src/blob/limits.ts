/** Largest blob in bytes, inclusive: Perkeep's limit (PROTOCOL 1). */
export const BLOB_SIZE_MAX = 16 * 1024 * 1024
