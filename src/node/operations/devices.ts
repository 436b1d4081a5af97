import { PeerkeepError } from '../../base/errors.ts'
import { flagArgument, optionalNumber, optionalText, textArgument } from '../arguments.ts'
import { requireDuration } from '../durations.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'
import { resolveBackup, snapshotsOf } from '../target.ts'
import { holdsSnapshot } from '../holding.ts'
import type { BlobRef } from '../../blob/ref.ts'

/** Lists the owner's devices, and what is known of each: `{}`. */
export const devicesOperation: Operation<Node> = {
  name: 'devices',
  async run({ index, network, device }, _args, { emit }) {
    const peers = new Map(network?.peers().map(peer => [peer.keyId, peer]))
    for (const known of index.trust.devices()) {
      const peer = peers.get(known.keyId)
      const seen = peer?.lastInSync
      const value = {
        name: known.name,
        role: known.role,
        keyId: known.keyId,
        isThis: known.keyId === device.keyId,
        connected: peer?.isConnected ?? false,
        lastInSync: seen === undefined ? null : new Date(seen).toISOString(),
      }
      await emit({ type: 'item', value })
    }
    return { count: index.trust.devices().length }
  },
}

/** Invites a device with a ticket: `{ yes, admin, words? }`. */
export const pairOperation: Operation<Node> = {
  name: 'pair',
  async run({ index, network, device }, args, { emit, confirm, signal }) {
    const isAdminWanted = flagArgument(args, 'admin')
    const words = optionalText(args, 'words')
    if (words === undefined && (isAdminWanted || !index.trust.isAdmin(device.keyId))) {
      throw new PeerkeepError(
        'NOT_ADMIN',
        isAdminWanted
          ? 'only the words make an admin: --words-file FILE'
          : 'this device is no admin: invite from one that is, or with --words-file FILE',
      )
    }
    if (!network) {
      throw new PeerkeepError('REFUSED', "the node is not running: start 'peerkeep up' first")
    }
    const isConfirmed = flagArgument(args, 'yes')
    const joined = await network.invite({
      role: isAdminWanted ? 'admin' : 'device',
      words,
      signal,
      show: ticket => emit({ type: 'item', value: { ticket } }),
      confirm: async name =>
        isConfirmed || confirm(`Let ${JSON.stringify(name)} in as a device of yours?`),
    })
    return { device: joined.name, keyId: joined.keyId }
  },
}

/** Milliseconds between two questions to the peers, when nothing else says that something changed. */
const ASK_AGAIN_MS = 2000

/** Waits for copies of a backup's newest snapshot: `{ backup, copies, timeout }`. */
export const waitOperation: Operation<Node> = {
  name: 'wait',
  async run(node, args, context) {
    const backup = await resolveBackup(node.index, textArgument(args, 'backup'))
    const copies = optionalNumber(args, 'copies') ?? 2
    const timeout = requireDuration(optionalText(args, 'timeout') ?? '60s')
    const snapshot = (await snapshotsOf(node.index, backup.permanode)).at(-1)?.content
    if (snapshot === undefined)
      throw new PeerkeepError('NOT_FOUND', `${backup.name} has no snapshot yet`)
    if (!node.network && copies > 1) {
      const text =
        "no node is running here, so no other device can be asked: 'peerkeep up' runs one"
      await context.emit({ type: 'note', text })
    }
    const until = node.system.clock.monotonic() + timeout
    for (;;) {
      const held = await countCopies(node, snapshot)
      if (held >= copies) return { copies: held, snapshot }
      if (node.system.clock.monotonic() >= until) {
        throw new PeerkeepError(
          'TIMED_OUT',
          `${held} of ${copies} devices hold ${snapshot}; the time is over`,
        )
      }
      await nextChange(node, Math.min(ASK_AGAIN_MS, until - node.system.clock.monotonic()), context)
    }
  },
}

async function countCopies(node: Node, snapshot: BlobRef): Promise<number> {
  const here = (await holdsSnapshot(node, snapshot)) ? 1 : 0
  return here + ((await node.network?.holders(snapshot))?.length ?? 0)
}

/** Resolves when a peer's state changes, or the time is over, or rejects when the caller went away. */
async function nextChange(node: Node, ms: number, { signal }: OperationContext): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<void>()
  const stopTimer = node.system.clock.after(ms, resolve)
  const stopListening = node.network?.onChange(resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  stopTimer()
  stopListening?.()
  signal.throwIfAborted()
}
