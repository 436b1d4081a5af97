/** Blobs taken from the log in one batch: enough to share its cost, few enough to verify at once. */
export const GROUP_BLOBS_MAX = 1000

/**
 * From the start of one pass to that of the next, in milliseconds, while blobs come without end: each costs some
 * dozen look-ups however little has come. Whoever needs an answer asks for a pass at once.
 */
export const PASS_PAUSE_MS = 250

/** Bytes of blobs in one batch: what a group of large directories may hold in memory. */
export const GROUP_BYTES_MAX = 4 * 1024 * 1024

/** Rows of a work queue that one batch settles: as for the log, bounded memory and short batches. */
export const SETTLE_ROWS_MAX = 500

/** Characters of rows after which a batch of folded states is written. */
export const SETTLE_CHARACTERS_MAX = 4 * 1024 * 1024

/** Members of a revocation's manifest that one batch takes in: each costs a few look-ups, and each piece reading the set again. */
export const LISTED_REFS_MAX = 4000

/** Rows that one batch looks through for those of one key, and for what is not due any more. */
export const MOVE_ROWS_MAX = 2000

/** Refs looked up in the store at once. */
export const STAT_REFS_MAX = 1000

/** Claims read ahead while a permanode is folded: enough to look up their deletes together. */
export const FOLD_CLAIMS_MAX = 200

/**
 * Characters of a folded state that are kept as a row. A set of more members than this is folded at
 * each question instead: writing it again for each new member would cost the square of its size.
 */
export const STATE_CHARACTERS_MAX = 1024 * 1024

/** Key blobs held in memory for verifying; as many as the schema keeps ready. */
export const KEY_BLOBS_MAX = 256

/** Keys that are nobody's of which it is told what is here: whoever moves over has one, or a few. */
export const SLEEPING_KEYS_MAX = 1000

/** Rows of edges that one walk passes for each ref that is asked for: where they are sparser, each is looked up. */
export const NEEDERS_ROWS_PER_REF = 20

/** Levels of constraints in constraints, and of parentheses: far more than a person writes; each costs a stack frame. */
export const QUERY_DEPTH_MAX = 32

/** Characters of a regular expression, whose program grows with its length and its counts. */
export const REGEXP_CHARACTERS_MAX = 1000

/** Characters of a search expression. */
export const EXPRESSION_CHARACTERS_MAX = 10_000

/** Words that are to be in one text: each is looked for in the index. */
export const QUERY_WORDS_MAX = 50

/** Terms of an expression: each may be held against every permanode. */
export const QUERY_TERMS_MAX = 500

/** Blobs in one answer: so many refs are kept, in order, while a search runs; where there are more, the answer says where to go on. */
export const RESULTS_MAX = 100_000

/** Blobs in an answer where nothing is asked: Perkeep's number. */
export const RESULTS_DEFAULT = 200

/** Blobs looked at below one directory for `contains` and `recursiveContains`. */
export const CONTAINED_MAX = 100_000

/** Directories up or relations along that one test follows. */
export const RELATED_MAX = 10_000

/** Things that are spread over a map: so many are held, with their places. */
export const MAP_RESULTS_MAX = 20_000

/** Changed documents whose queue rows go in one batch. */
export const DOCUMENTS_MAX = 2000

/** Documents that are made while as many others go into the search tables: with long texts some megabytes. */
export const DOCUMENTS_PIECE = 400

/** Changes that are put into the search tables before a search begins: with more, it goes without the tables. */
export const PENDING_DOCUMENTS_MAX = 1000

/** Pages of the search tables in memory, in KiB. */
export const TABLES_CACHE_KIB = 32 * 1024

/** Characters of an attribute's value that documents are found by in the order of time: more is no tag. */
export const VALUE_CHARACTERS_MAX = 100

/** Characters of what documents are found by that know parts of words. */
export const TRIGRAM_CHARACTERS = 3

/** Documents that are sorted for one answer however few there are in all: it takes some milliseconds. */
export const LISTED_DOCUMENTS_MIN = 1000

/** Documents that are sorted for one answer however many there are in all. */
export const LISTED_DOCUMENTS_MAX = 20_000

/** Blobs that are held against a constraint at once: each waits for some look-ups. */
export const LOOKED_AT_TOGETHER = 32

/** Documents in the first piece of a walk; the pieces grow. */
export const WALK_ROWS_MIN = 64

/** Documents in the first piece beyond those of a page: one tells whether there are more, some may turn out not to match. */
export const PAGE_SPARE_ROWS = 14

/** Documents in the largest piece of a walk. */
export const WALK_ROWS_MAX = 1024

/** Characters of a file's name that rows hold: no file system knows longer ones. */
export const NAME_CHARACTERS_MAX = 4096

/** Characters of a permanode's texts, and of its content's, that words are found in. */
export const TEXT_CHARACTERS_MAX = 256 * 1024

/** Rows of a source that are counted to find the narrowest: where all are larger, each costs some milliseconds to find out. */
export const PLAN_PROBE_MAX = 2000

/** Rectangles of one place: each is a condition of the search. */
export const PLACE_RECTANGLES_MAX = 12

/** Characters of a place's name that are looked at: the longest has some sixty. */
export const PLACE_CHARACTERS_MAX = 200

/** Kilometres up to which a position is said to be near a city. */
export const NEAREST_KM = 50

/** Saved searches that name one another, one inside the other: each is a level of the constraint. */
export const NAMED_DEPTH_MAX = 5

/** Places and saved searches in one expression, those that saved searches name included. */
export const NAMES_MAX = 100
