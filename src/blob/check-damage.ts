import type { CheckedPack } from './check-source.ts'
import type { BlobRef } from './ref.ts'

/** Something that a check found wrong, named as well as it can be. */
export interface StoreDamage {
  readonly kind: DamageKind
  /** The blob it concerns; undefined for damage that no blob lies in, or none that is known. */
  readonly ref: BlobRef | undefined
  /** Path of the pack. */
  readonly pack: string
  /** Where the record begins in it. */
  readonly offset: number
  /** For people: what is wrong with what. */
  readonly message: string
}

export type DamageKind = keyof typeof sentences

export interface DamagePlace extends CheckedPack {
  /** Where the record begins. */
  readonly offset: number
}

const sentences = {
  header: 'no readable header where a record should begin',
  payload: 'the bytes are not what the reference says',
  truncated: 'the record ends behind the end of the pack',
  'missing-pack': 'the pack is missing',
  'truncated-pack': 'the pack is shorter than what was written to it',
  'row-without-record': 'the index points to a place where the blob is not',
  'record-without-row': 'the blob is in the pack, but not in the index',
  quarantined: 'the blob was found damaged before, and set aside',
} as const

export function describeDamage(
  { packs, pack, offset }: DamagePlace,
  kind: DamageKind,
  ref?: BlobRef,
): StoreDamage {
  const file = packs.fileOf(pack)
  const message = `${ref ?? 'Damage'} in ${file} at byte ${offset}: ${sentences[kind]}.`
  return { kind, ref, pack: file, offset, message }
}
