/** Files and folders that one archive is asked for by name. */
export const ARCHIVE_REFS_MAX = 1000

/** Entries of one archive: a library of a million photos, and what a tool still opens. */
export const ARCHIVE_ENTRIES_MAX = 2_000_000

/** Bytes of zeros sent at a time for a hole. */
export const HOLE_PIECE_BYTES = 64 * 1024

/** Bytes of a plain field of a form. */
export const FIELD_BYTES_MAX = 1024

/** Files of one upload by a form. */
export const UPLOADED_FILES_MAX = 10_000
