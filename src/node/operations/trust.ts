import { PeerkeepError } from '../../base/errors.ts'
import { type BlobRef, parseBlobRef } from '../../blob/ref.ts'
import type { AdoptedKey, Backup, Device, DisputedBlob, Index } from '../../index/queries.ts'
import type { KeyId } from '../../schema/signer.ts'
import { flagArgument, optionalText, textArgument, textsArgument } from '../arguments.ts'
import { certifierOf } from '../certifier.ts'
import { deviceName } from '../device-name.ts'
import { groupCheck } from '../group-secrets.ts'
import { saveGroupSecret } from '../keys.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'
import { resolveDevice, resolveKey } from '../resolve-key.ts'
import { listAsValid, retireDevice, revokeDevice, revokeKey, type TrustParts } from '../revoke.ts'
import { backupName } from '../target.ts'

const GROUP_SECRET_BYTES = 32

/** Throws a device out: `{ device, yes, words? }`. */
export const revokeOperation: Operation<Node> = {
  name: 'revoke',
  async run(node, args, { confirm }) {
    const device = resolveKey(node.index, textArgument(args, 'device'))
    if (device.isRevoked)
      throw new PeerkeepError(
        'REFUSED',
        `${device.name} is revoked already; 'peerkeep disputed' lists what it signed beyond what counts`,
      )
    const parts = trustParts(node, device, optionalText(args, 'words'))
    const isAgreed =
      flagArgument(args, 'yes') ||
      (await confirm(
        `Throw ${JSON.stringify(device.name)} out, for good? What it signed until now, as far as this device has seen it, stays.`,
      ))
    if (!isAgreed) throw new PeerkeepError('REFUSED', `${device.name} stays; --yes revokes it`)
    const stays =
      device.role === 'adopted'
        ? await revokeKey(parts, device.keyId)
        : await revokeWithSecret(node, parts, device)
    return { device: device.name, keyId: device.keyId, role: device.role, stays }
  },
}

/** A device also knows the secret of the group, which an adopted key does not. */
async function revokeWithSecret(node: Node, parts: TrustParts, device: Device): Promise<number> {
  const secret = node.system.random.bytes(GROUP_SECRET_BYTES)
  const stays = await revokeDevice(parts, device.keyId, groupCheck(secret))
  if (node.network) await node.network.replaceSecret(secret)
  else await saveGroupSecret(node.system.files, node.paths, secret)
  return stays
}

/** Stops waiting for a device: `{ device, words? }`. */
export const retireOperation: Operation<Node> = {
  name: 'retire',
  async run(node, args) {
    const device = resolveDevice(node.index, textArgument(args, 'device'))
    await retireDevice(trustParts(node, device, optionalText(args, 'words')), device.keyId)
    return { device: device.name, keyId: device.keyId }
  },
}

/** Lists what revoked devices signed that no revocation lists, or accepts it: `{ accept: [], all, words? }`. */
export const disputedOperation: Operation<Node> = {
  name: 'disputed',
  async run(node, args, { emit }) {
    const chosen = textsArgument(args, 'accept').map(parseBlobRef)
    if (chosen.length > 0 || flagArgument(args, 'all')) {
      const wanted = flagArgument(args, 'all') ? undefined : chosen
      return { accepted: await accept(node, wanted, optionalText(args, 'words')) }
    }
    const backups = await Array.fromAsync(node.index.backups())
    let count = 0
    for await (const blob of node.index.disputed()) {
      count += 1
      await emit({ type: 'item', value: await describeDisputed(node.index, blob, backups) })
    }
    return { count }
  },
}

function trustParts(
  node: Node,
  device: Device | AdoptedKey,
  words: string | undefined,
): TrustParts {
  const signer = certifierOf(node, words)
  const { index } = node
  if (device.keyId === node.device.keyId)
    throw new PeerkeepError('REFUSED', 'a device cannot do this to itself; use another one')
  const mayAct =
    signer.keyId === index.trust.owner ||
    (index.trust.isAdmin(signer.keyId) && device.role !== 'admin')
  if (!mayAct) {
    throw new PeerkeepError(
      'NOT_ADMIN',
      `${device.role === 'admin' ? `${device.name} is an admin` : 'this device is no admin'}: that needs the words, --words-file FILE`,
    )
  }
  return { index, door: node.door, clock: node.system.clock, signer }
}

async function describeDisputed(
  index: Index,
  { ref, signer, date, about }: DisputedBlob,
  backups: readonly Backup[],
) {
  const reaches = await Array.fromAsync(index.edgesFrom([ref]))
  const backup = backups.find(known => known.permanode === about)
  return {
    ref,
    device: deviceName(index, signer),
    date: new Date(Number(date / 1_000_000n)).toISOString(),
    type: (await index.meta(ref))?.type ?? 'unknown',
    about: about ?? null,
    backup: backup ? backupName(index, backup) : null,
    reaches,
  }
}

/** Accepts disputed blobs, and the permanodes that they are about; undefined for all. Answers how many. */
async function accept(
  node: Node,
  chosen: readonly BlobRef[] | undefined,
  words: string | undefined,
): Promise<number> {
  const disputed = new Map<BlobRef, DisputedBlob>()
  for await (const blob of node.index.disputed()) disputed.set(blob.ref, blob)
  const accepted = new Map<KeyId, Set<BlobRef>>()
  const take = (ref: BlobRef): void => {
    const blob = disputed.get(ref)
    if (!blob) return
    const refs = accepted.get(blob.signer) ?? new Set()
    accepted.set(blob.signer, refs.add(ref))
    if (blob.about !== undefined && !refs.has(blob.about)) take(blob.about)
  }
  for (const ref of chosen ?? disputed.keys()) {
    if (!disputed.has(ref))
      throw new PeerkeepError(
        'NOT_FOUND',
        `${ref} is not disputed; 'peerkeep disputed' lists what is`,
      )
    take(ref)
  }
  for (const [keyId, refs] of accepted) {
    const device = resolveKey(node.index, keyId)
    await listAsValid(trustParts(node, device, words), keyId, [...refs])
  }
  return [...accepted.values()].reduce((sum, refs) => sum + refs.size, 0)
}
