import type { BlobRef } from '../blob/ref.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import { BACKUP_ATTRIBUTE } from '../schema/well-known.ts'
import type { Draft } from './draft.ts'
import type { KeyId } from '../schema/signer.ts'
import { type Folded, type Ground, foldPermanode, isDeleted, metaOf } from './evaluate.ts'
import { STATE_CHARACTERS_MAX } from './limits.ts'

/** The row of a permanode's folded state, with what its blob says of itself. */
export interface StateRow extends Folded {
  readonly isDeleted: boolean
  readonly signer: KeyId
  /** When it was signed. */
  readonly date: string
  /** Of a planned one. */
  readonly key: string | undefined
}

type StateFields = [
  deleted: number,
  modified: string,
  last: string,
  attributes: [string, string[]][],
  signer: KeyId,
  date: string,
  ...key: string[],
]

/** Undefined for one that is too large to be a row. */
export function writeState(state: StateRow): string | undefined {
  const attributes = [...state.attributes].sort(([a], [b]) => (a < b ? -1 : 1))
  const fields: StateFields = [
    state.isDeleted ? 1 : 0,
    state.modified ?? '',
    state.last ?? '',
    attributes.map(([name, values]) => [name, [...values]]),
    state.signer,
    state.date,
    ...(state.key === undefined ? [] : [state.key]),
  ]
  const text = JSON.stringify(fields)
  return text.length > STATE_CHARACTERS_MAX ? undefined : text
}

/** Undefined for a state too large to be a row (an empty value). */
export function readState(text: string): StateRow | undefined {
  if (text === '') return undefined
  const fields = JSON.parse(text) as StateFields
  const [deleted, modified, last, attributes, signer, date, key] = fields
  return {
    isDeleted: deleted === 1,
    modified: modified === '' ? undefined : modified,
    last: last === '' ? undefined : last,
    attributes: new Map(attributes.map(([name, values]) => [name, new Set(values)])),
    signer,
    date,
    key,
  }
}

/**
 * The state of the permanode that stands in the blobs `members`, from its claims; now, or as it was at a time.
 * Undefined when there is none.
 */
export async function computeState(
  ground: Ground,
  members: readonly BlobRef[],
  at?: Nanoseconds,
): Promise<StateRow | undefined> {
  const [standing] = members
  const signed = standing && (await metaOf(ground.rows, standing))?.signed
  if (!signed) return undefined
  return {
    ...(await foldPermanode(ground, members, at)),
    isDeleted: await isDeleted(ground, members),
    signer: signed.keyId,
    date: signed.date,
    key: signed.plannedKey,
  }
}

/** Writes what follows from a state: the row of the first member, none for the others. */
export function putState(draft: Draft, members: readonly BlobRef[], state: StateRow): void {
  const [standing, ...others] = members
  if (standing === undefined) return
  draft.put(`state|${standing}`, writeState(state) ?? '')
  draft.put(`todo|document|${standing}`, '')
  const isBackup = !state.isDeleted && state.attributes.has(BACKUP_ATTRIBUTE)
  if (isBackup) draft.put(`backup|${standing}`, '')
  else draft.delete(`backup|${standing}`)
  for (const ref of others) dropState(draft, ref)
}

/** What is no permanode, or stands behind another blob, has no state. */
export function dropState(draft: Draft, ref: BlobRef): void {
  draft.delete(`state|${ref}`)
  draft.put(`todo|document|${ref}`, '')
  draft.delete(`backup|${ref}`)
}
