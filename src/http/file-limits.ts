/** Files and folders that one archive is asked for by name. */
export const ARCHIVE_REFS_MAX = 1000

/** Entries of one archive: a ZIP's are in memory until its end, some 100 MB of so many. */
export const ARCHIVE_ENTRIES_MAX = 200_000

/** Bytes of zeros sent at a time for a hole. */
export const HOLE_PIECE_BYTES = 64 * 1024

/** Bytes of a plain field of a form. */
export const FIELD_BYTES_MAX = 1024

/** Files of one upload by a form. */
export const UPLOADED_FILES_MAX = 10_000
