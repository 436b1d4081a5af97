import type { BlobRef } from '../blob/ref.ts'
import type { Backup, Index } from '../index/queries.ts'
import { HELD_ATTRIBUTE_PREFIX, holdingsPermanodeKey } from '../schema/well-known.ts'
import type { KeyId } from '../schema/signer.ts'
import { holdsSnapshot } from './holding.ts'
import type { Node } from './node.ts'
import { snapshotsOf } from './target.ts'

/** What a device says it holds whole: of each backup a snapshot, by the permanode of the backup. */
export type Holdings = ReadonlyMap<BlobRef, BlobRef>

/** What the claims of a device say that it holds. */
export async function holdingsOf(index: Index, device: KeyId): Promise<Holdings> {
  const permanode = await index.plannedPermanode(holdingsPermanodeKey(device))
  const state = permanode && (await index.permanode(permanode))
  const holdings = new Map<BlobRef, BlobRef>()
  for (const [name, [value]] of state?.attributes ?? []) {
    if (name.startsWith(HELD_ATTRIBUTE_PREFIX) && value !== undefined)
      holdings.set(name.slice(HELD_ATTRIBUTE_PREFIX.length) as BlobRef, value as BlobRef)
  }
  return holdings
}

/**
 * Looks which backups' newest snapshots are here whole, every blob of them looked up, and signs a claim for each that
 * was not said yet; takes back what is not true any more. Answers how many newest snapshots are not here whole.
 */
export async function signHoldings(node: Node): Promise<number> {
  const { index, device } = node
  const said = await holdingsOf(index, device.keyId)
  let lacking = 0
  for await (const backup of index.backups()) {
    const held = said.get(backup.permanode)
    const newest = (await snapshotsOf(index, backup.permanode)).at(-1)?.content
    if (newest === undefined) continue
    if (await isHeld(node, { permanode: backup.permanode, held, newest })) {
      if (held !== newest) await say(node, backup, newest)
    } else {
      lacking += 1
      if (held !== undefined && !(await holdsSnapshot(node, held)))
        await say(node, backup, undefined)
    }
  }
  return lacking
}

interface Claimed {
  readonly permanode: BlobRef
  readonly held: BlobRef | undefined
  readonly newest: BlobRef
}

/** What was found whole stays so until a blob is lost, which the store's loss mark tells. */
async function isHeld(node: Node, { permanode, held, newest }: Claimed): Promise<boolean> {
  const mark = `${newest} ${node.store.lossMark()}`
  const key = `held ${permanode}`
  if (held === newest && (await node.state.get(key)) === mark) return true
  const isWhole = await holdsSnapshot(node, newest)
  if (isWhole) await node.state.batch([{ type: 'put', key, value: mark }])
  return isWhole
}

async function say(node: Node, backup: Backup, snapshot: BlobRef | undefined): Promise<void> {
  const permanode = await node.claims.plannedPermanode(holdingsPermanodeKey(node.device.keyId))
  const attribute = `${HELD_ATTRIBUTE_PREFIX}${backup.permanode}`
  await node.claims.sign(
    snapshot === undefined
      ? { claimType: 'del-attribute', permanode, attribute, value: undefined }
      : { claimType: 'set-attribute', permanode, attribute, value: snapshot },
  )
}
