import type { BlobRef } from '../blob/ref.ts'
import { BACKUP_ATTRIBUTE } from '../schema/well-known.ts'
import type { Draft } from './draft.ts'
import { type Folded, type Ground, foldPermanode, isDeleted } from './evaluate.ts'
import { STATE_CHARACTERS_MAX } from './limits.ts'

/** The row of a permanode's folded state. */
export interface StateRow extends Folded {
  readonly isDeleted: boolean
}

type StateFields = [
  deleted: number,
  modified: string,
  last: string,
  attributes: [string, string[]][],
]

/** Undefined for one that is too large to be a row. */
export function writeState(state: StateRow): string | undefined {
  const attributes = [...state.attributes].sort(([a], [b]) => (a < b ? -1 : 1))
  const fields: StateFields = [
    state.isDeleted ? 1 : 0,
    state.modified ?? '',
    state.last ?? '',
    attributes.map(([name, values]) => [name, [...values]]),
  ]
  const text = JSON.stringify(fields)
  return text.length > STATE_CHARACTERS_MAX ? undefined : text
}

/** Undefined for a state too large to be a row (an empty value). */
export function readState(text: string): StateRow | undefined {
  if (text === '') return undefined
  const [deleted, modified, last, attributes] = JSON.parse(text) as StateFields
  return {
    isDeleted: deleted === 1,
    modified: modified === '' ? undefined : modified,
    last: last === '' ? undefined : last,
    attributes: new Map(attributes.map(([name, values]) => [name, new Set(values)])),
  }
}

/** The state of the permanode that stands in the blobs `members`, from its claims. */
export async function computeState(ground: Ground, members: readonly BlobRef[]): Promise<StateRow> {
  const folded = await foldPermanode(ground, members)
  return { ...folded, isDeleted: await isDeleted(ground, members) }
}

/** Writes what follows from a state: the row of the first member, none for the others. */
export function putState(draft: Draft, members: readonly BlobRef[], state: StateRow): void {
  const [standing, ...others] = members
  if (standing === undefined) return
  draft.put(`state|${standing}`, writeState(state) ?? '')
  const isBackup = !state.isDeleted && state.attributes.has(BACKUP_ATTRIBUTE)
  if (isBackup) draft.put(`backup|${standing}`, '')
  else draft.delete(`backup|${standing}`)
  for (const ref of others) dropState(draft, ref)
}

/** What is no permanode, or stands behind another blob, has no state. */
export function dropState(draft: Draft, ref: BlobRef): void {
  draft.delete(`state|${ref}`)
  draft.delete(`backup|${ref}`)
}
