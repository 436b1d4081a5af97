import type { BlobRef } from '../blob/ref.ts'

/**
 * What two sides of a reconciliation say, as bytes: the version, the kind, then what belongs to it. Numbers are big
 * endian. Every message has exactly one form, at most `RECONCILE_BYTES_MAX` long.
 */
export type ReconcileMessage =
  | Greeting
  | { readonly kind: 'questions'; readonly questions: readonly Question[] }
  /** Answers in the order of the questions; those of one message may come in several. */
  | { readonly kind: 'answers'; readonly answers: readonly Answer[] }
  /** The asking side knows all differences, and tells of the last ones. */
  | { readonly kind: 'done'; readonly told: Told }

/** First on both sides: what its set looks like from above. */
export interface Greeting {
  readonly kind: 'greeting'
  readonly keyCheck: string
  readonly count: number
  readonly fingerprint: bigint
}

/** What 16 branches look like; undefined for one without members. */
export type Branches = readonly (Branch | undefined)[]

export interface Branch {
  /** The low 64 bits. */
  readonly fingerprint: bigint
  /** The low 8 bits of the number of members: whether one side has one or two more. */
  readonly count: number
}

/** Full refs that the other side lacks, and refs of its that lack here. */
export interface Told {
  readonly youLack: readonly BlobRef[]
  readonly iLack: readonly BlobRef[]
}

export type Question =
  /** Which of my branches differ from yours? */
  | { readonly kind: 'compare'; readonly prefix: string; readonly branches: Branches }
  /** These short ids are all I have here: what do you have, what not? */
  | { readonly kind: 'ids'; readonly prefix: string; readonly ids: readonly string[] }
  /** What do you have here? */
  | { readonly kind: 'all'; readonly prefix: string }
  /** No question, where there is too much to tell for the end. */
  | ({ readonly kind: 'tell' } & Told)

export type Answer =
  /** To `compare`: for each branch undefined where equal, else what is there. */
  | { readonly kind: 'differing'; readonly branches: readonly (Differing | undefined)[] }
  /** To `ids` and `all`, where more is here than one answer may list: look deeper. */
  | { readonly kind: 'branches'; readonly branches: Branches }
  /** To `ids`: refs whose ids were not listed, places in the list of those that lack here, what all here adds up to. */
  | {
      readonly kind: 'difference'
      readonly fingerprint: bigint
      readonly refs: readonly BlobRef[]
      readonly lacked: readonly number[]
    }
  /** To `all`, and to `compare` where few are here: everything. */
  | { readonly kind: 'refs'; readonly refs: readonly BlobRef[] }
  /** To `tell`. */
  | { readonly kind: 'told' }

/** How a branch differs, of the side that answers. */
export type Differing =
  /** Few members: ask for them. */
  | { readonly kind: 'few' }
  /** Many members, in these branches. */
  | { readonly kind: 'branches'; readonly branches: Branches }
  /** Few members, which add up to the fingerprint; of those that you lack these can be told. */
  | { readonly kind: 'leaf'; readonly fingerprint: bigint; readonly refs: readonly BlobRef[] }
  /** Few members: these. */
  | { readonly kind: 'all'; readonly refs: readonly BlobRef[] }

/** What stands for each of them, by its place. */
export const RECONCILE_VERSION = 2
export const messageKinds = ['greeting', 'questions', 'answers', 'done'] as const
export const questionKinds = ['compare', 'ids', 'all', 'tell'] as const
export const answerKinds = ['differing', 'branches', 'difference', 'refs', 'told'] as const
export const differingKinds = ['few', 'branches', 'leaf', 'all'] as const
/** Version, kind, and the number of questions or answers. */
export const RECONCILE_HEAD_BYTES = 4
export const FAN_OUT = 16
