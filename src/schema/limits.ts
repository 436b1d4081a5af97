/** Largest schema blob in bytes: Perkeep's limit; a bigger one is opaque data. */
export const SCHEMA_SIZE_MAX = 1024 * 1024

/** Deepest nesting of JSON that is read: deeper ones exist only to break readers. */
export const JSON_DEPTH_MAX = 64

/** Deepest directory level, or `bytes` in `bytes`, that is walked. */
export const TREE_DEPTH_MAX = 1000

/** Public keys kept ready for verifying: far more than anyone has devices; some hundred bytes each. */
export const KEY_CACHE_MAX = 256

/** Keys whose folded form is remembered, and how long one of them may be: what a stranger sends stays small. */
export const FOLDED_KEYS_MAX = 500
export const FOLDED_KEY_LENGTH_MAX = 100

/** Signatures found right that are remembered: how far the index may be behind a line, some 150 bytes each. */
export const REMEMBERED_SIGNATURES_MAX = 50_000
