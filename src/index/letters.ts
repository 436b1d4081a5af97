import type { KeyValue } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import { type Draft, openDraft } from './draft.ts'
import { MOVE_ROWS_MAX } from './limits.ts'
import type { Membership } from './members.ts'
import { type SignedRow, lastField, rangeAfter, readMeta } from './rows.ts'

/** The letter of a signed blob's `meta` row: member, disputed, or nobody's. */
type SignedLetter = 'c' | 'd' | 'f'

/** Under what a signed blob may be found, lost ones included. */
export const SIGNED_LETTERS: readonly string[] = ['c', 'd', 'f', 'l']

/** As the value of `todo|move`: everything is looked through. */
export const MOVE_ALL = SIGNED_LETTERS.join('')

export function letterOf(
  { isOwn, isRevoked, isNamed }: Omit<Membership, 'rows'>,
  { keyId, ref }: { readonly keyId: KeyId; readonly ref: BlobRef },
  isListed: boolean,
): SignedLetter {
  if (isNamed(ref)) return 'c'
  if (!isOwn(keyId)) return 'f'
  return isListed || !isRevoked(keyId) ? 'c' : 'd'
}

/** A signed blob's `meta` row, as it is found. */
export interface SignedMeta {
  readonly ref: BlobRef
  /** The letter of its row; `l` where it is lost. */
  readonly letter: string
  readonly text: string
  readonly signed: SignedRow
}

/** Reads the row of a blob that is signed; undefined for another one. */
export function signedMeta(ref: BlobRef, letter: string, text: string): SignedMeta | undefined {
  const { signed } = readMeta(letter === 'l' ? text.slice(1) : text)
  return signed && { ref, letter, text, signed }
}

/** Puts a blob's row under the letter that is right; that of a lost one remembers it. */
export function moveTo(draft: Draft, { ref, letter, text }: SignedMeta, right: SignedLetter): void {
  if (letter === 'l') {
    if (text.charAt(0) !== right) draft.put(`meta|l|${ref}`, right + text.slice(1))
    return
  }
  if (letter === right) return
  draft.delete(`meta|${letter}|${ref}`)
  draft.put(`meta|${right}|${ref}`, text)
}

/**
 * The batch that gives some of what a key signed the letters that it has now; undefined when all have
 * them. Keys are certified and revoked a few times in a life, so there are no rows of blobs by signer:
 * all are looked through.
 */
export async function draftOfMoves(
  membership: Membership,
  [todo, place]: readonly [key: string, value: string],
  rowsMax: number = MOVE_ROWS_MAX,
): Promise<Draft> {
  const { rows, isRevoked } = membership
  const keyId = lastField(todo) as KeyId
  const [letters = '', after] = place.split('|') as [string?, BlobRef?]
  const letter = letters.charAt(0)
  const draft = openDraft(rows)
  if (letter === '') {
    draft.delete(todo)
    return draft
  }
  const range = { ...rangeAfter(`meta|${letter}|`, after), limit: rowsMax }
  const found = await Array.fromAsync(rows.scan(range))
  const mine = ofKey(found, letter, keyId)
  const listed = isRevoked(keyId) ? await listedOf(rows, keyId, mine) : new Set<BlobRef>()
  for (const meta of mine)
    moveTo(draft, meta, letterOf(membership, { keyId, ref: meta.ref }, listed.has(meta.ref)))
  const last = found.length < rowsMax ? undefined : found.at(-1)
  draft.put(todo, last ? `${letters}|${lastField(last[0])}` : letters.slice(1))
  return draft
}

function ofKey(
  found: readonly (readonly [key: string, value: string])[],
  letter: string,
  keyId: KeyId,
): SignedMeta[] {
  return found
    .filter(([, text]) => text.includes(keyId))
    .map(([key, text]) => signedMeta(lastField(key) as BlobRef, letter, text))
    .filter(meta => meta?.signed.keyId === keyId)
    .filter(meta => meta !== undefined)
}

async function listedOf(
  rows: KeyValue,
  keyId: KeyId,
  metas: readonly SignedMeta[],
): Promise<Set<BlobRef>> {
  const listed = await rows.getMany(metas.map(({ ref }) => `listed|${keyId}|${ref}`))
  return new Set(metas.filter((_, i) => listed[i] !== undefined).map(({ ref }) => ref))
}
