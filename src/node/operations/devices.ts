import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { BlobRef } from '../../blob/ref.ts'
import type { Index } from '../../index/queries.ts'
import type { KeyId } from '../../schema/signer.ts'
import { flagArgument, optionalNumber, optionalText, textArgument } from '../arguments.ts'
import { requireDuration } from '../durations.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'
import { fingerprintOf } from '../resolve-key.ts'
import { backupName, resolveBackup, snapshotsOf } from '../target.ts'
import { holdingsOf, isHeldHere } from '../holdings.ts'
import { peerFields } from './peer-fields.ts'

/** Lists the owner's devices, and what is known of each, then the keys that were adopted: `{}`. */
export const devicesOperation: Operation<Node> = {
  name: 'devices',
  async run(node, _args, { emit }) {
    const { index, network, device } = node
    const peers = new Map(network?.peers().map(peer => [peer.keyId, peer]))
    for (const known of index.trust.devices()) {
      const value = {
        name: known.name,
        role: known.role,
        keyId: known.keyId,
        isThis: known.keyId === device.keyId,
        revoked: known.isRevoked,
        retired: known.isRetired,
        ...peerFields(peers.get(known.keyId)),
        holds: known.isRevoked ? [] : await holdsOf(index, known.keyId),
      }
      await emit({ type: 'item', value })
    }
    const adopted = index.trust.adopted()
    for (const { name, role, keyId, isRevoked } of adopted) {
      const value = { name, role, keyId, fingerprint: fingerprintOf(keyId), revoked: isRevoked }
      await emit({ type: 'item', value })
    }
    return { count: index.trust.devices().length, adopted: adopted.length }
  },
}

/** What a device says it holds, and how many newer snapshots of each backup it has not. */
async function holdsOf(index: Index, device: KeyId): Promise<JsonObject[]> {
  const holdings = await holdingsOf(index, device)
  const holds: JsonObject[] = []
  for await (const backup of index.backups()) {
    const held = holdings.get(backup.permanode)
    const snapshots = await snapshotsOf(index, backup.permanode)
    const at = snapshots.findLastIndex(snapshot => snapshot.content === held)
    const date = snapshots[at]?.date
    holds.push({
      backup: backupName(index, backup),
      snapshot: held ?? null,
      date: date === undefined ? null : new Date(Number(date / 1_000_000n)).toISOString(),
      newer: snapshots.length - 1 - at,
    })
  }
  return holds
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

/** Milliseconds between two looks, when nothing says that something changed. */
const LOOK_AGAIN_MS = 2000

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
      const text = "no node is running here, so nothing new is heard: 'peerkeep up' runs one"
      await context.emit({ type: 'note', text })
    }
    const until = node.system.clock.monotonic() + timeout
    for (;;) {
      const held = await countCopies(node, backup.permanode, snapshot)
      if (held >= copies) return { copies: held, snapshot }
      const left = until - node.system.clock.monotonic()
      if (left <= 0) {
        throw new PeerkeepError(
          'TIMED_OUT',
          `${held} of ${copies} devices hold ${snapshot}; the time is over`,
        )
      }
      await nextChange(node, Math.min(LOOK_AGAIN_MS, left), context)
    }
  },
}

/** This device, by looking; the others, by what they say. */
async function countCopies(node: Node, permanode: BlobRef, snapshot: BlobRef): Promise<number> {
  let copies = (await isHeldHere(node, permanode, snapshot)) ? 1 : 0
  for (const { keyId, isRevoked } of node.index.trust.devices()) {
    if (isRevoked || keyId === node.device.keyId) continue
    if ((await holdingsOf(node.index, keyId)).get(permanode) === snapshot) copies += 1
  }
  return copies
}

/** Resolves when a claim came, or the time is over; rejects when the caller went away. */
async function nextChange(node: Node, ms: number, { signal }: OperationContext): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<void>()
  const stopTimer = node.system.clock.after(ms, resolve)
  const stopListening = node.onMembers(() => resolve())
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  stopTimer()
  stopListening()
  signal.throwIfAborted()
}
