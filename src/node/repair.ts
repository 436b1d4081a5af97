import { PeerkeepError } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { Node } from './node.ts'
import type { OperationContext } from './operation.ts'

/** Milliseconds between two looks at what has come. */
const LOOK_MS = 500

/** Looks in a row that find nothing new, after which what has not come is not to be had now. */
const IDLE_LOOKS_MAX = 20

/** Refs that are looked up at once. */
const STAT_REFS = 1000

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
  for (const ref of refs) await node.store.fetch(ref).catch(() => undefined)
  await node.index.lost(await absentOf(node, [...refs]))
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
  let absent = await absentOf(node, [...refs])
  for (let idle = 0; absent.length > 0 && idle < IDLE_LOOKS_MAX;) {
    signal.throwIfAborted()
    await new Promise<void>(resolve => void node.system.clock.after(LOOK_MS, resolve))
    const now = await absentOf(node, absent)
    idle = now.length < absent.length ? 0 : idle + 1
    absent = now
  }
  return refs.size - absent.length
}

async function absentOf(node: Node, refs: readonly BlobRef[]): Promise<BlobRef[]> {
  const absent: BlobRef[] = []
  for (let at = 0; at < refs.length; at += STAT_REFS) {
    const some = refs.slice(at, at + STAT_REFS)
    const sizes = await node.store.stat(some)
    absent.push(...some.filter((_, i) => sizes[i] === undefined))
  }
  return absent
}
