import { openListeners } from '../base/listeners.ts'
import { type BlobRef, refOf } from '../blob/ref.ts'
import { ed25519KeyBlob } from '../schema/key-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import {
  KEY_ATTRIBUTE,
  RETIRED_ATTRIBUTE,
  TITLE_ATTRIBUTE,
  devicePermanodeKey,
} from '../schema/well-known.ts'
import { type Ground, foldPermanode } from './evaluate.ts'
import type { Attributes } from './fold.ts'
import { membersOf } from './members.ts'
import type { AdoptedKey, Device, Trust } from './queries.ts'
import { anchorOfKey, dateOfText } from './rows.ts'
import type { CertifiedKey, FoldedTrust } from './trust-fold.ts'

/** The keys that act, and the devices they belong to, as the committed rows say. */
export interface TrustState extends FoldedTrust {
  readonly devices: readonly Device[]
  readonly adopted: readonly AdoptedKey[]
}

/** What the rows are read with when whose keys act is known already. */
export function groundOf(
  ground: Pick<Ground, 'rows' | 'horizon'>,
  owner: KeyId,
  folded: FoldedTrust,
): Ground {
  return {
    rows: ground.rows,
    horizon: ground.horizon,
    isOwn: key => key === owner || folded.roles.has(key),
    isRevoked: key => folded.revoked.has(key),
    isNamed: ref => folded.named.has(ref),
  }
}

/** The devices and adopted keys with the names that their permanodes have now, by key. */
export async function readCertified(
  ground: Ground,
  owner: KeyId,
  { roles, revoked }: FoldedTrust,
): Promise<Pick<TrustState, 'devices' | 'adopted'>> {
  const isAdmin = (key: KeyId): boolean => key === owner || roles.get(key)?.role === 'admin'
  const devices: Device[] = []
  const adopted: AdoptedKey[] = []
  for (const [keyId, certified] of roles) {
    const { isRetired, ...read } = await readDevice(ground, isAdmin, { keyId, certified })
    const known = { ...read, keyId, isRevoked: revoked.has(keyId) }
    const { role } = certified
    if (role === 'adopted') adopted.push({ ...known, role })
    else devices.push({ ...known, role, isRetired })
  }
  const byKey = (a: { keyId: KeyId }, b: { keyId: KeyId }): number => (a.keyId < b.keyId ? -1 : 1)
  return { devices: devices.sort(byKey), adopted: adopted.sort(byKey) }
}

/** What a device's permanode says of it. Anyone of the owner's names it, only an admin retires it. */
async function readDevice(
  ground: Ground,
  isAdmin: (key: KeyId) => boolean,
  { keyId, certified }: { readonly keyId: KeyId; readonly certified: CertifiedKey },
): Promise<Omit<Device, 'keyId' | 'role' | 'isRevoked'>> {
  const members = await membersOf(ground, anchorOfKey(devicePermanodeKey(keyId)))
  const { attributes } = await foldPermanode(ground, members)
  const byAdmins = await foldPermanode({ ...ground, isOwn: isAdmin }, members)
  return {
    keyRef: keyRefOf(keyId, attributes),
    permanode: members[0] ?? certified.permanode,
    name: first(attributes, TITLE_ATTRIBUTE) ?? keyId,
    since: dateOfText(certified.since),
    isRetired: first(byAdmins.attributes, RETIRED_ATTRIBUTE) === 'true',
  }
}

/** The trust that others see: answers from what was set last. */
export function openTrust(owner: KeyId): {
  readonly trust: Trust
  readonly folded: () => FoldedTrust
  readonly setTrust: (state: TrustState) => void
} {
  let current: TrustState = {
    roles: new Map(),
    revoked: new Map(),
    named: new Set(),
    devices: [],
    adopted: [],
  }
  const listeners = openListeners()
  return {
    folded: () => current,
    trust: {
      owner,
      isOwn: key => key === owner || current.roles.has(key),
      isRevoked: key => current.revoked.has(key),
      isAdmin: key =>
        key === owner || (current.roles.get(key)?.role === 'admin' && !current.revoked.has(key)),
      devices: () => current.devices,
      adopted: () => current.adopted,
      onChange: listeners.add,
    },
    setTrust(state) {
      const isChanged = fingerprint(state) !== fingerprint(current)
      current = state
      if (isChanged) listeners.tell()
    },
  }
}

/** An ed25519 key's blob is known by the key itself; of others the certificate names it. */
function keyRefOf(keyId: KeyId, attributes: Attributes): BlobRef {
  const hex = /^ed25519-([0-9a-f]{64})$/.exec(keyId)?.[1]
  if (hex !== undefined) return refOf(ed25519KeyBlob(Buffer.from(hex, 'hex')))
  return (first(attributes, KEY_ATTRIBUTE) ?? '') as BlobRef
}

function first(attributes: Attributes, name: string): string | undefined {
  return attributes.get(name)?.values().next().value
}

function fingerprint({ devices, adopted, roles, revoked }: TrustState): string {
  const said = [...devices, ...adopted].map(known => ({ ...known, since: String(known.since) }))
  return JSON.stringify([said, [...roles.keys()].sort(), [...revoked.keys()].sort()])
}
