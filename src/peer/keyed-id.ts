import { hash } from 'node:crypto'

import type { BlobRef } from '../blob/ref.ts'

/**
 * What stands for a ref in a trie: 64 hex digits that only who has the key can foresee. So nobody else can choose
 * blobs that crowd one branch, share a short id, or cancel each other out in a fingerprint.
 */
export type KeyedId = string & { readonly __brand: 'KeyedId' }

/** Digits that say where in the trie a member lies: the depth of the trie at most. */
export const POSITION_DIGITS = 16

const ELEMENT_FROM = POSITION_DIGITS
const ELEMENT_TO = ELEMENT_FROM + 32
const SHORT_ID_FROM = 4

/** Hex digits of a short id. */
export const SHORT_ID_DIGITS = POSITION_DIGITS - SHORT_ID_FROM

export interface KeyedIds {
  idOf(ref: BlobRef): KeyedId
  /** 16 hex digits that differ between keys: two sides see that they mean the same key. */
  readonly keyCheck: string
}

/**
 * SHA-256 of the key in hex, then the ref. No such text is the beginning of another one (a ref's name fixes its
 * length), which is what makes a secret prefix sound; as one call it costs a fiftieth of an HMAC object.
 */
export function keyedIds(key: Uint8Array): KeyedIds {
  if (key.length !== 32) throw new TypeError(`a fingerprint key of ${key.length} bytes, not 32`)
  const secret = Buffer.from(key).toString('hex')
  return {
    idOf: ref => hash('sha256', secret + ref, 'hex') as KeyedId,
    keyCheck: hash('sha256', `${secret}key check`, 'hex').slice(0, 16),
  }
}

/** Tells the members of one leaf apart. A part of the position, so that fingerprints do not depend on it. */
export function shortIdOf(id: KeyedId): string {
  return id.slice(SHORT_ID_FROM, POSITION_DIGITS)
}

/** A member's share of a fingerprint, 128 bits: a fingerprint is the sum of them, whatever their order. */
export function elementOf(id: KeyedId): bigint {
  return BigInt(`0x${id.slice(ELEMENT_FROM, ELEMENT_TO)}`)
}

/** The same share as four words of 32 bits, the highest first. */
export function elementWord(id: KeyedId, word: number): number {
  const from = ELEMENT_FROM + 8 * word
  let value = 0
  for (let at = from; at < from + 8; at += 1) value = value * 16 + digitAt(id, at)
  return value
}

/** The lowest word of a member's element: all that is looked at while one member is searched for among many. */
export function tagOf(id: KeyedId): number {
  return elementWord(id, 3)
}

/** The value of a hex digit of an id or a prefix. */
export function digitAt(id: string, index: number): number {
  const code = id.charCodeAt(index)
  return code < 58 ? code - 48 : code - 87
}
