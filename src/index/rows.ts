import { hash } from 'node:crypto'

import { prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import type { KeyId } from '../schema/signer.ts'

/**
 * The rows of the index. Fields of a key are joined by `|`; values are JSON, which keeps any text
 * well-formed. DATE is fixed-width, so that order of text is order of time; ID is a claim's identity
 * (its signed bytes and its signer), whatever blobs it stands in.
 *
 * What follows from blobs alone, whoever is trusted:
 *
 * | key | value | meaning |
 * |---|---|---|
 * | `version` | VERSION | another one, and all rows are dropped |
 * | `position` | log position | what is committed |
 * | `meta|s|REF` | type, size | schema blobs, and what is nothing; of files also name, bytes, time of change |
 * | `meta|LETTER|REF` | type, size, what it is about | signed blobs and keys: below |
 * | `meta|l|REF` | the same, behind the letter it had | blobs that were in the log and are lost |
 * | `key|KEYREF` | key id, key blob | public keys |
 * | `wait|KEYREF|REF` | | a signed blob whose key is not here |
 * | `anchor|ANCHOR` | REF, key id | a permanode blob, by planned key, else by ID; nothing where several may be one permanode |
 * | `anchor|ANCHOR|REF` | key id | each of those several |
 * | `claim|ABOUT|CLASS|DATE|KEYID|ID` | what it says, its signed bytes | claims; CLASS `a` attribute, `d` delete, `x` other; ABOUT the permanode or target |
 * | `twin|ID|REF` | | the blobs of a claim that stands in several |
 * | `aimed|REF` | | a delete claim names REF |
 * | `by|KEYID|REF` | | REF is a permanode or facts of, or named by a claim of KEYID |
 * | `cert|KEYID|PERMANODE|DATE|ID` | role | certificates, by whom |
 * | `revoke|KEYID|PERMANODE|DATE|ID` | manifest | revocations, by whom: the static-set of what stays valid |
 * | `fact|FILE` | DATE, KEYID, ID, facts | what a device says about a file's content: the latest |
 * | `fact|FILE|DATE|KEYID|ID` | facts | all but the latest |
 * | `whole|WHOLE|FILE` | | facts say that this is the digest of the file's content |
 * | `said|DIGEST|PERMANODE` | | a claim says that an attribute of the permanode has a value: DIGEST is of both |
 * | `back|TO|FROM` | `n` when FROM needs TO | edges, backwards; forwards they are in the blob |
 * | `latest|KEYID` | DATE | latest date of what is due, by signer |
 * | `horizon` | DATE | latest of all of them |
 * | `due|DATE|REF` | | signed blobs that are not due yet |
 * | `counts` | counts | |
 *
 * What is of this set of rows alone:
 *
 * | key | value | meaning |
 * |---|---|---|
 * | `epoch` | text | another one whenever members changed otherwise than by the log |
 * | `documents` | maker, number | the batches that the search tables got from these rows |
 * | `awaits|REF` | | a document was made whose content REF was not here |
 * | `early|REF` | | a claim on the permanode REF came when it had no state |
 *
 * What also follows from whose keys act, or from the store:
 *
 * | key | value | meaning |
 * |---|---|---|
 * | `own` | key ids | whose claims the states below are folded from |
 * | `revoked` | key ids, the manifests of each | keys of which only what is listed counts |
 * | `named` | permanodes | what certificates and revocations that stand are about |
 * | `meta|c|REF` | | LETTER of the members: keys, and what own keys signed (of a revoked one, what is listed), and what is named |
 * | `meta|f|REF` | | LETTER of what nobody's key signed, or one that is not here |
 * | `meta|d|REF` | | LETTER of what is disputed: signed by an own key that is revoked, and not listed |
 * | `set|KEYID|REF` | | a static-set, here or not, that a manifest of KEYID reaches |
 * | `listed|KEYID|REF` | | a blob, here or not, that stays valid although KEYID is revoked |
 * | `stays|KEYID|ID` | the smallest listed blob | a claim that came and stays valid |
 * | `state|REF` | state | own permanodes, folded, with who signed them; REF is the smallest of those that are one |
 * | `backup|REF` | | states that are backups and not deleted |
 * | `missing|NEEDED` | one that needs it | |
 *
 * Work that a batch leaves for the next ones, so that a kill loses none of it:
 *
 * | key | meaning |
 * |---|---|
 * | `todo|key|KEYREF` | the key came: take up what waits for it |
 * | `todo|trust|KEYID` | the key was certified or revoked: fold what it touched |
 * | `todo|relist|KEYID` | a manifest of the key counts no more: forget them all, and read those that do |
 * | `todo|set|KEYID|REF` | read a static-set of a manifest, from the member that the value says |
 * | `todo|move|KEYID` | give what the key signed the letters it has now; the value says where to go on |
 * | `todo|clock` | the clock was ahead: make what is dated too late not due again |
 * | `dirty|REF` | fold what REF (a permanode, or a claim about one) changes; of facts, what they are about |
 * | `todo|facts|REF` | facts came, or count now, or no more: look at the files that they are about |
 * | `todo|content|REF` | more, or less, is known of a file: look at the permanodes whose content it is, or was |
 * | `todo|document|PERMANODE` | put what is now so into the search tables |
 * | `todo|documents` | put all permanodes into them; the value says behind which |
 */
export const VERSION = '5'

/** Fixed-width decimal of a date; the offset keeps years before 1970 positive. */
export function dateText(date: Nanoseconds): string {
  return String(date + DATE_OFFSET).padStart(21, '0')
}

export function dateOfText(text: string): Nanoseconds {
  return BigInt(text) - DATE_OFFSET
}

const DATE_OFFSET = 100_000_000_000_000_000_000n

/** What `meta` rows say of a blob. */
export interface MetaRow {
  readonly type: string
  readonly size: number
  /** Only of blobs whose signature verifies. */
  readonly signed: SignedRow | undefined
  /** Only of `file` blobs. */
  readonly file?: FileRow | undefined
}

/** What a `file` blob says of the file. */
export interface FileRow {
  /** As text, its beginning where it is very long. */
  readonly name: string
  /** Bytes of the content. */
  readonly bytes: number
  readonly mtime: Nanoseconds | undefined
}

export interface SignedRow {
  readonly id: string
  readonly keyId: KeyId
  readonly date: string
  /** Claims: the permanode or target (`-` when there is none), and the class of the claim. */
  readonly about: BlobRef | '-' | undefined
  readonly claimClass: ClaimClass | undefined
  /** Planned permanodes. */
  readonly plannedKey: string | undefined
}

export type ClaimClass = 'a' | 'd' | 'x'

type MetaFields = [
  type: string,
  size: number,
  id?: string,
  keyId?: KeyId,
  date?: string,
  ...rest: (string | null)[],
]

type FileFields = [
  type: 'file',
  size: number,
  file?: [name: string, bytes: number, ...mtime: string[]],
]

export function writeMeta({ type, size, signed, file }: MetaRow): string {
  if (file) {
    const { name, bytes, mtime } = file
    return JSON.stringify([type, size, [name, bytes, ...(mtime === undefined ? [] : [`${mtime}`])]])
  }
  if (!signed) return JSON.stringify([type, size])
  const { id, keyId, date, about, claimClass, plannedKey } = signed
  return JSON.stringify([type, size, id, keyId, date, about, claimClass, plannedKey])
}

export function readMeta(text: string): MetaRow {
  const fields = JSON.parse(text) as MetaFields | FileFields
  if (fields[0] === 'file') return readFileMeta(fields as FileFields)
  const [type, size, id, keyId, date, about, claimClass, plannedKey] = fields as MetaFields
  if (id === undefined || keyId === undefined || date === undefined)
    return { type, size, signed: undefined }
  return {
    type,
    size,
    signed: {
      id,
      keyId,
      date,
      about: (about ?? undefined) as SignedRow['about'],
      claimClass: (claimClass ?? undefined) as SignedRow['claimClass'],
      plannedKey: plannedKey ?? undefined,
    },
  }
}

function readFileMeta([type, size, file]: FileFields): MetaRow {
  if (!file) return { type, size, signed: undefined }
  const [name, bytes, mtime] = file
  return {
    type,
    size,
    signed: undefined,
    file: { name, bytes, mtime: mtime === undefined ? undefined : BigInt(mtime) },
  }
}

/** The name under which permanode blobs meet that are one permanode. */
export function anchorOf({ id, plannedKey }: Pick<SignedRow, 'id' | 'plannedKey'>): string {
  return plannedKey === undefined ? `i${id}` : anchorOfKey(plannedKey)
}

/** Planned keys are any text of any length; rows hold their digest. */
export function anchorOfKey(plannedKey: string): string {
  return `k${hash('sha224', JSON.stringify(plannedKey), 'hex')}`
}

/** Attributes and values are any text of any length; rows hold the digest of both. */
export function saidPrefix(attribute: string, value: string): string {
  return `said|${hash('sha224', JSON.stringify([attribute, value]), 'hex')}|`
}

export function claimKey(
  about: string,
  claimClass: ClaimClass,
  { date, keyId, id }: { date: string; keyId: KeyId; id: string },
): string {
  return `claim|${about}|${claimClass}|${date}|${keyId}|${id}`
}

/** What the `meta` rows of the sets that two devices compare begin with. */
export const MEMBER_PREFIXES = { claims: 'meta|c|', schema: 'meta|s|' } as const

/** The range of the rows `prefix` and a ref, those behind `after`. */
export function rangeAfter(
  prefix: string,
  after: BlobRef | undefined,
): { from: string; until: string } {
  const range = prefixRange(prefix)
  // No ref is the beginning of another one, so the first key behind it is the row behind it.
  return after === undefined ? range : { ...range, from: `${prefix}${after}!` }
}

/** The last field of a row's key. */
export function lastField(key: string): string {
  return key.slice(key.lastIndexOf('|') + 1)
}
