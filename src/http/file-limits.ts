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

/** Downloads and archives at a time: each reads some blobs ahead, half a megabyte of usual ones. */
export const DOWNLOADS_MAX = 128

/** Uploads by a form at a time: each has up to 20 MB that are not durable. */
export const FORM_UPLOADS_MAX = 8

/** Characters of a name in a head; longer ones make clients refuse the whole answer. */
export const SHOWN_NAME_MAX = 200
