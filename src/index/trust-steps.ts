import type { KeyId } from '../schema/signer.ts'
import type { Draft } from './draft.ts'
import type { Ground } from './evaluate.ts'
import { draftOfMoves } from './letters.ts'
import { type Listing, draftOfListed, draftOfRelisted } from './listing.ts'
import { draftOfTrust } from './move-trust.ts'
import type { Trust } from './queries.ts'
import { draftOfDirty, draftOfTrusted, firstRow } from './settle.ts'
import { groundOf, openTrust, readCertified } from './trust.ts'
import { readTrustClaims } from './trust-claims.ts'
import { type FoldedTrust, foldTrust } from './trust-fold.ts'
import type { Writer } from './writer.ts'

/** The batches that follow from whose keys act. Each answers false when there was nothing to do. */
export interface TrustSteps {
  readonly trust: Trust
  readonly ground: Ground
  readonly folded: () => FoldedTrust
  /** Says that what is known of whose keys act may be wrong. */
  readonly staleTrust: () => void
  /** Finds out whose keys act, when that may have changed. */
  readonly refreshTrust: () => Promise<boolean>
  /** Forgets some of what manifests listed that count no more. */
  readonly relist: () => Promise<boolean>
  /** Reads a piece of a manifest that says what stays valid of a revoked key. */
  readonly list: () => Promise<boolean>
  /** Gives some of what a key signed the letters that it has now. */
  readonly move: () => Promise<boolean>
  /** Marks some of what a key touched that is trusted now, or no more. */
  readonly markTrusted: () => Promise<boolean>
  /** Folds some of the permanodes that are marked. */
  readonly fold: () => Promise<boolean>
}

export interface TrustStepParts extends Pick<Listing, 'rows' | 'fetch'> {
  readonly owner: KeyId
  /** Rows and members that one batch of what follows from trust, or from a clock, goes through. */
  readonly pieceMax?: number | undefined
}

export function openTrustSteps(
  { rows, fetch, owner, pieceMax }: TrustStepParts,
  writer: Writer,
): TrustSteps {
  const { trust, folded, setTrust } = openTrust(owner)
  const ground: Ground = {
    rows,
    isOwn: key => trust.isOwn(key),
    isRevoked: key => trust.isRevoked(key),
    isNamed: ref => folded().named.has(ref),
    horizon: () => writer.horizon(),
  }
  const listing = { ...ground, fetch }
  let isStale = true

  async function refreshTrust(): Promise<boolean> {
    if (!isStale) return false
    const next = foldTrust(owner, await readTrustClaims(rows, owner))
    const nextGround = groundOf(ground, owner, next)
    const certified = await readCertified(nextGround, owner, next)
    await writer.write(async () => draftOfTrust(nextGround, next))
    setTrust({ ...next, ...certified })
    isStale = false
    return true
  }

  /** A batch that does some of the first piece of work of a queue. */
  async function work(
    prefix: string,
    make: (first: readonly [key: string, value: string]) => Promise<Draft>,
  ): Promise<boolean> {
    return writer.write(async () => {
      const first = await firstRow(rows, prefix)
      return first && make(first)
    })
  }

  async function fold(): Promise<boolean> {
    return writer.write(async () => {
      const done = await draftOfDirty(ground)
      // What stays valid of an admin may be a certificate or a revocation: it marked the permanode it stands on.
      if (done?.isDeviceTouched === true) isStale = true
      return done?.draft
    })
  }

  return {
    trust,
    ground,
    folded,
    staleTrust: () => void (isStale = true),
    refreshTrust,
    relist: async () =>
      work('todo|relist|', async ([todo]) => draftOfRelisted(rows, todo, pieceMax)),
    list: async () => work('todo|set|', async first => draftOfListed(listing, first, pieceMax)),
    move: async () => work('todo|move|', async first => draftOfMoves(ground, first, pieceMax)),
    markTrusted: async () => work('todo|trust|', async first => draftOfTrusted(rows, first)),
    fold,
  }
}
