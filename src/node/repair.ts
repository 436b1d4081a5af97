import { delay } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import { absentOf, type Stat } from '../index/missing.ts'
import type { Node } from './node.ts'
import type { OperationContext } from './operation.ts'

/** Milliseconds between two looks at what has come. */
const LOOK_MS = 500

/** Looks in a row that find nothing new, after which what has not come is not to be had now. */
const IDLE_LOOKS_MAX = 20

/**
 * Gets damaged and lost blobs from the devices that are connected. Each is read once more, which sets what is damaged
 * aside, so that it is wanted. Answers how many are here again; those that nobody wants or has are not.
 */
export async function repair(
  node: Node,
  refs: ReadonlySet<BlobRef>,
  context: OperationContext,
): Promise<number> {
  if (refs.size === 0) return 0
  const stat: Stat = some => node.store.stat(some)
  for (const ref of refs) await node.store.fetch(ref).catch(() => undefined)
  await node.index.lost(await absentOf(stat, [...refs]))
  node.network?.want()
  const healed = node.network ? await untilHere(node, refs, context) : 0
  if (healed === refs.size || node.network?.peers().some(peer => peer.isConnected) === true)
    return healed
  throw new PeerkeepError(
    'PEER_UNREACHABLE',
    `${refs.size - healed} blobs are still to be mended, and no other device is connected: start 'peerkeep up' here and on a device that has them, and repeat the check`,
  )
}

async function untilHere(
  node: Node,
  refs: ReadonlySet<BlobRef>,
  { signal }: OperationContext,
): Promise<number> {
  const stat: Stat = some => node.store.stat(some)
  let absent = await absentOf(stat, [...refs])
  for (let idle = 0; absent.length > 0 && idle < IDLE_LOOKS_MAX;) {
    await delay(node.system.clock, LOOK_MS, signal)
    const now = await absentOf(stat, absent)
    idle = now.length < absent.length ? 0 : idle + 1
    absent = now
  }
  return refs.size - absent.length
}
