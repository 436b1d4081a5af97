import type { JsonObject } from '../../base/json.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'
import { backupName } from '../target.ts'
import { deviceName } from '../device-name.ts'
import { SLEEPING_ROWS_MAX } from '../sleeping.ts'
import { peerFields } from './peer-fields.ts'

/** Says how the node is: `{}`. */
export const statusOperation: Operation<Node> = {
  name: 'status',
  run: node => statusOf(node),
}

/** What `status` and the status page show. */
export async function statusOf(node: Node): Promise<JsonObject> {
  const { index, device, network, paths } = node
  const { missing } = await index.counts()
  const here = index.trust.devices().find(known => known.keyId === device.keyId)
  const backups: string[] = []
  for await (const backup of index.backups()) backups.push(backupName(index, backup))
  const sleeping = await index.sleeping(SLEEPING_ROWS_MAX)
  const { free } = await node.system.files.freeSpace(paths.directory)
  return {
    device: deviceName(index, device.keyId),
    role: here?.role ?? 'unknown',
    home: paths.directory,
    running: network !== undefined,
    addresses: network?.addresses ?? [],
    backups,
    missingBlobs: missing,
    freeBytes: free,
    rivals: network?.rivals() ?? [],
    clockLeadMs: network?.nearestClock()?.leadMs ?? 0,
    notSigning: node.claims.refusal() ?? null,
    adoptedKeys: index.trust.adopted().map(({ name, keyId, isRevoked }) => ({
      name,
      key: keyId,
      revoked: isRevoked,
    })),
    sleepingKeys: sleeping.map(({ keyId, keyRef, signed, claims, isAtLeast }) => ({
      key: keyId ?? null,
      ref: keyRef ?? null,
      signed,
      claims,
      atLeast: isAtLeast,
    })),
    peers: (network?.peers() ?? []).map(peer => ({
      device: deviceName(index, peer.keyId),
      ...peerFields(peer),
    })),
  }
}
