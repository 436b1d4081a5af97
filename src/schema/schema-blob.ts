import type { JsonObject } from '../base/json.ts'
import type { BlobRef } from '../blob/ref.ts'

/**
 * What schema blobs say, as typed values: Perkeep's types, and what Peerkeep adds in keys that Perkeep
 * ignores. `parse-schema.ts` reads any layout into these, `write-schema.ts` writes the canonical one.
 * What a blob leaves out is undefined here, and left out when written.
 */
export type SchemaBlob =
  | FileSchema
  | BytesSchema
  | DirectorySchema
  | StaticSetSchema
  | SymlinkSchema
  | SpecialSchema
  | PermanodeSchema
  | ClaimSchema
  | FactsSchema
  | UnknownSchema

/** Nanoseconds since 1970 UTC; negative before. */
export type Nanoseconds = bigint

/** A base name or a link target: bytes, because Unix names are; UTF-8 or not. */
type NameBytes = Uint8Array

/** The common keys of what a directory can hold. */
export interface NodeFields {
  readonly name?: NameBytes | undefined
  /** The low nine mode bits (`unixPermission`). Never for symlinks. */
  readonly permission?: number | undefined
  /** setuid, setgid and sticky (mode bits 0o7000), `peerkeepMode`; undefined when none is set. */
  readonly specialMode?: number | undefined
  readonly ownerId?: number | undefined
  readonly groupId?: number | undefined
  readonly owner?: string | undefined
  readonly group?: string | undefined
  readonly mtime?: Nanoseconds | undefined
  readonly ctime?: Nanoseconds | undefined
  /**
   * Path (bytes, `/` between names, relative to the snapshot's top) of the first name that this
   * inode had in the same snapshot, `peerkeepHardlink`; only on its second and later names, which
   * still bear the whole content.
   */
  readonly hardlink?: Uint8Array | undefined
}

export interface FileSchema extends NodeFields {
  readonly type: 'file'
  readonly parts: readonly Part[]
}

export interface BytesSchema {
  readonly type: 'bytes'
  readonly parts: readonly Part[]
}

/** `size` bytes of content: of a data blob, of a `bytes` blob, or (neither) zeros. */
export interface Part {
  /** Bytes this part contributes; a safe integer ≥ 0. */
  readonly size: number
  readonly blobRef?: BlobRef | undefined
  readonly bytesRef?: BlobRef | undefined
  /** Bytes to skip at the start of what is referenced; undefined means 0. */
  readonly offset?: number | undefined
}

export interface DirectorySchema extends NodeFields {
  readonly type: 'directory'
  /** A static-set. */
  readonly entries: BlobRef
}

/** Either `members`, or the refs of static-sets that together hold them, in order. */
export interface StaticSetSchema {
  readonly type: 'static-set'
  readonly members?: readonly BlobRef[] | undefined
  readonly mergeSets?: readonly BlobRef[] | undefined
}

export interface SymlinkSchema extends NodeFields {
  readonly type: 'symlink'
  readonly target: Uint8Array
}

export interface SpecialSchema extends NodeFields {
  readonly type: 'fifo' | 'socket'
}

/** What every signed blob says about its signing. The signature itself is read by `signed-blob.ts`. */
export interface SignedFields {
  /** The blob of the signer's public key. */
  readonly signer: BlobRef
  readonly date: Nanoseconds
}

export interface PermanodeSchema extends SignedFields {
  readonly type: 'permanode'
  /** Names a planned permanode; undefined for a random one. */
  readonly key?: string | undefined
  /** Base64 of 20 random bytes; undefined for a planned one. */
  readonly random?: string | undefined
}

export interface ClaimSchema extends SignedFields {
  readonly type: 'claim'
  readonly claim: ClaimBody
}

/** What a claim says, without who and when. */
export type ClaimBody =
  | AttributeClaim
  | { readonly claimType: 'delete'; readonly target: BlobRef }
  | ShareClaim
  /** A type this version does not know (or `multi`): kept, replicated, without effect. */
  | { readonly claimType: 'unknown'; readonly name: string }

export interface AttributeClaim {
  readonly claimType: 'set-attribute' | 'add-attribute' | 'del-attribute'
  readonly permanode: BlobRef
  readonly attribute: string
  /** Undefined only for `del-attribute`: all values. */
  readonly value?: string | undefined
}

export interface ShareClaim {
  readonly claimType: 'share'
  readonly authType: string
  readonly transitive: boolean
  readonly target?: BlobRef | undefined
  /** A search query object, kept as it is. */
  readonly search?: JsonObject | undefined
  readonly expires?: Nanoseconds | undefined
}

/** What only the content could tell about stored files (`camliType` `peerkeep-facts`), signed. */
export interface FactsSchema extends SignedFields {
  readonly type: 'facts'
  readonly facts: readonly FileFacts[]
}

export interface FileFacts {
  /** The `file` blob. */
  readonly file: BlobRef
  /** SHA-224 of the whole content, in the form of a ref. */
  readonly wholeRef: BlobRef
  readonly size: number
  /** Media type by content; undefined when nothing is recognised. */
  readonly mediaType?: string | undefined
  /** Pixels, as shown (after the EXIF orientation). */
  readonly width?: number | undefined
  readonly height?: number | undefined
  /** When the picture was taken, by EXIF, as written there (local time): `2024-05-06T07:08:09`. */
  readonly taken?: string | undefined
  readonly camera?: string | undefined
  /** Decimal degrees. */
  readonly latitude?: number | undefined
  readonly longitude?: number | undefined
  /** Of sound and video, in milliseconds. */
  readonly duration?: number | undefined
  /** What is written in a piece of music or a video about it, by Perkeep's names: `title artist album genre year track disc`. */
  readonly mediaTags?: Readonly<Record<string, string>> | undefined
  /** By XMP, of the file or of the sidecar beside it: 1 to 5 stars, -1 for a rejected one. */
  readonly rating?: number | undefined
  /** The colour label, as the program wrote it that gave it. */
  readonly label?: string | undefined
  readonly keywords?: readonly string[] | undefined
  /** Words of a document, for search: its beginning where it is long. */
  readonly text?: string | undefined
}

/** Schema of a type this version does not know; kept, replicated, its refs keep blobs alive. */
interface UnknownSchema {
  readonly type: 'unknown'
  readonly camliType: string
}
