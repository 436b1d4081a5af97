import type { BlobRef } from '../blob/ref.ts'
import type { AttributeClaim, ClaimBody, ShareClaim } from '../schema/schema-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import { type ClaimClass, claimKey } from './rows.ts'

/** A claim as its row keeps it. */
export interface ClaimRow {
  readonly id: string
  readonly keyId: KeyId
  readonly date: string
  readonly about: BlobRef | '-'
  readonly claimClass: ClaimClass
  /** The smallest of the blobs that are this claim; with `isTwinned` there are `twin` rows for all. */
  readonly ref: BlobRef
  readonly isTwinned: boolean
  /** What it says. */
  readonly body: ClaimBody
  /** The signed bytes, a character each: they decide the order of claims of one date and key. */
  readonly payload: string
}

/** What a claim is about: an attribute claim's permanode, a delete's or a share's target. */
export function aboutOf(body: ClaimBody): BlobRef | '-' {
  switch (body.claimType) {
    case 'set-attribute':
    case 'add-attribute':
    case 'del-attribute':
      return body.permanode
    case 'delete':
      return body.target
    case 'share':
      return body.target ?? '-'
    case 'unknown':
      return '-'
  }
}

export function classOf(body: ClaimBody): ClaimClass {
  if (isAttributeClaim(body)) return 'a'
  return body.claimType === 'delete' ? 'd' : 'x'
}

export function isAttributeClaim(body: ClaimBody): body is AttributeClaim {
  return 'attribute' in body
}

export function keyOfClaim(row: ClaimRow): string {
  return claimKey(row.about, row.claimClass, row)
}

/** The value of a claim's row: one line of JSON, then the signed bytes. */
export function writeClaim({ ref, isTwinned, body, payload }: ClaimRow): string {
  return `${JSON.stringify([ref, isTwinned ? 1 : 0, ...bodyFields(body)])}\n${payload}`
}

export function readClaim(key: string, value: string): ClaimRow {
  const [, about, claimClass, date, keyId, id] = key.split('|') as [
    string,
    BlobRef,
    ClaimClass,
    string,
    KeyId,
    string,
  ]
  const end = value.indexOf('\n')
  const [ref, isTwinned, ...fields] = JSON.parse(value.slice(0, end)) as [
    BlobRef,
    number,
    ...string[],
  ]
  const body = bodyOf(about, fields)
  return {
    id,
    keyId,
    date,
    about,
    claimClass,
    ref,
    isTwinned: isTwinned === 1,
    body,
    payload: value.slice(end + 1),
  }
}

function bodyFields(body: ClaimBody): unknown[] {
  if (isAttributeClaim(body)) {
    const { claimType, attribute, value } = body
    return value === undefined ? [claimType, attribute] : [claimType, attribute, value]
  }
  if (body.claimType === 'share') {
    return ['share', JSON.stringify({ ...body, expires: body.expires?.toString() })]
  }
  return body.claimType === 'unknown' ? ['unknown', body.name] : ['delete']
}

function bodyOf(about: BlobRef, [claimType = '', first = '', value]: string[]): ClaimBody {
  switch (claimType) {
    case 'set-attribute':
    case 'add-attribute':
    case 'del-attribute':
      return { claimType, permanode: about, attribute: first, value }
    case 'delete':
      return { claimType, target: about }
    case 'share':
      return shareOf(JSON.parse(first) as StoredShare)
    default:
      return { claimType: 'unknown', name: first }
  }
}

type StoredShare = Omit<ShareClaim, 'expires'> & { readonly expires?: string }

function shareOf({ expires, ...share }: StoredShare): ShareClaim {
  return { ...share, expires: expires === undefined ? undefined : BigInt(expires) }
}
