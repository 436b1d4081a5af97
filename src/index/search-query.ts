import type { BlobRef } from '../blob/ref.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'

/**
 * What can be searched for: Perkeep's search query, read and checked. Of a constraint every field that is there must
 * hold; one without any holds of nothing.
 */
export interface SearchQuery {
  readonly constraint: Constraint
  /** Blobs in one answer, at most. */
  readonly limit: number
  readonly sort: SearchSort
  /** The answer goes on behind this place; only with a sort by time. */
  readonly after: SearchPlace | undefined
  /** The answer is the neighbourhood of this blob, empty when the blob is not among what is found. */
  readonly around: BlobRef | undefined
  /** Whether it is a question about places, so that the answer tells their rectangle. */
  readonly isAboutPlaces: boolean
}

/** Perkeep's names. Equal times are in the order of the refs; `-` turns both round. */
export type SearchSort = '-mod' | 'mod' | '-created' | 'created' | 'blobref' | 'map'

/** A place in an answer that is sorted by time. */
export interface SearchPlace {
  readonly time: Nanoseconds
  readonly ref: BlobRef
}

export interface Constraint {
  readonly logical?: LogicalConstraint | undefined
  readonly anything?: boolean | undefined
  readonly camliType?: string | undefined
  readonly anyCamliType?: boolean | undefined
  /** A ref, or its beginning: hash name, dash, and at least one digit. */
  readonly blobRefPrefix?: string | undefined
  readonly blobSize?: NumberConstraint | undefined
  readonly file?: FileConstraint | undefined
  readonly dir?: DirectoryConstraint | undefined
  readonly permanode?: PermanodeConstraint | undefined
}

export interface LogicalConstraint {
  readonly op: 'and' | 'or' | 'xor' | 'not'
  readonly a: Constraint
  /** Of all but `not`. */
  readonly b?: Constraint | undefined
}

export interface FileConstraint {
  readonly fileSize?: NumberConstraint | undefined
  readonly fileName?: StringConstraint | undefined
  readonly mimeType?: StringConstraint | undefined
  /** When it was made: the earlier one of the picture's and the file's time. */
  readonly time?: TimeConstraint | undefined
  /** The later one. */
  readonly modTime?: TimeConstraint | undefined
  readonly wholeRef?: string | undefined
  readonly parentDir?: DirectoryConstraint | undefined
  readonly isImage?: boolean | undefined
  /** Pixels. */
  readonly width?: NumberConstraint | undefined
  readonly height?: NumberConstraint | undefined
  /** Width by height. */
  readonly ratio?: NumberConstraint | undefined
  readonly location?: LocationConstraint | undefined
  /** Stars, by XMP; -1 is a rejected one. */
  readonly rating?: NumberConstraint | undefined
  readonly mediaTag?: MediaTagConstraint | undefined
}

/** What is written in a file of sound or video; both tests must hold. */
interface MediaTagConstraint {
  readonly tag: string
  readonly string?: StringConstraint | undefined
  readonly int?: NumberConstraint | undefined
}

export interface DirectoryConstraint {
  readonly fileName?: StringConstraint | undefined
  readonly blobRefPrefix?: string | undefined
  readonly parentDir?: DirectoryConstraint | undefined
  /** Files that lie directly in it. */
  readonly topFileCount?: NumberConstraint | undefined
  readonly contains?: Constraint | undefined
  readonly recursiveContains?: Constraint | undefined
}

export interface PermanodeConstraint {
  /** Its attributes as they were then; undefined is now. */
  readonly at?: Nanoseconds | undefined
  readonly modTime?: TimeConstraint | undefined
  /** When what it is about was made. */
  readonly time?: TimeConstraint | undefined
  /** Leaves out what is marked as hidden. */
  readonly skipHidden?: boolean | undefined
  /** What the values of the attribute `attr` must be. */
  readonly attr?: string | undefined
  /** How many there are. */
  readonly numValue?: NumberConstraint | undefined
  /** All values, and at least one; else any. */
  readonly valueAllMatch?: boolean | undefined
  readonly value?: string | undefined
  readonly valueMatches?: StringConstraint | undefined
  readonly valueMatchesInt?: NumberConstraint | undefined
  readonly valueMatchesFloat?: NumberConstraint | undefined
  /** The value is the ref of a blob of which this holds. */
  readonly valueInSet?: Constraint | undefined
  readonly relation?: RelationConstraint | undefined
  /** Words that must all be in what it says, or in what it is about, as `wordsOf` writes them. */
  readonly text?: readonly string[] | undefined
  readonly location?: LocationConstraint | undefined
}

export interface RelationConstraint {
  /** Which permanodes are looked at: those that refer to this one, or those that it refers to. */
  readonly relation: 'parent' | 'child'
  /** The attribute that refers; undefined is `camliMember` and all `camliPath:`. */
  readonly edgeType: string | undefined
  /** All of them must match, and at least one; else any. */
  readonly isAll: boolean
  readonly constraint: Constraint
}

/** Every test that is there must hold. */
export interface StringConstraint {
  readonly empty?: boolean | undefined
  readonly equals?: string | undefined
  readonly contains?: string | undefined
  readonly hasPrefix?: string | undefined
  readonly hasSuffix?: string | undefined
  /** In bytes of UTF-8. */
  readonly byteLength?: NumberConstraint | undefined
  readonly caseInsensitive?: boolean | undefined
  /** Whether a text matches the regular expression, in linear time. */
  readonly matches?: ((text: string) => boolean) | undefined
}

/** Bounds that include themselves. */
export interface NumberConstraint {
  readonly min?: number | undefined
  readonly max?: number | undefined
}

export interface TimeConstraint {
  /** This time and everything behind it are out. */
  readonly before?: Nanoseconds | undefined
  /** This time is in. */
  readonly after?: Nanoseconds | undefined
  /** Not longer ago than this. */
  readonly inLast?: Nanoseconds | undefined
}

/** Decimal degrees; with `west` above `east` the rectangle spans the date line. */
export interface Rectangle {
  readonly north: number
  readonly south: number
  readonly west: number
  readonly east: number
}

/** Undefined bounds: anywhere. */
export interface LocationConstraint {
  readonly rectangle: Rectangle | undefined
}

/** What is found, in the order of the sort. */
export interface SearchResult {
  readonly refs: readonly BlobRef[]
  /** Where the answer goes on; undefined when this is its end, or it is in no order of time. */
  readonly next: SearchPlace | undefined
  /** What the places of all that is shown lie in. */
  readonly area: Rectangle | undefined
  /** Where was looked, and at how many blobs. */
  readonly explanation: { readonly source: string; readonly looked: number }
}
