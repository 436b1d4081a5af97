import { type KeyValue, prefixRange } from '../base/key-value.ts'
import { type BlobRef, refOf } from '../blob/ref.ts'
import { ed25519KeyBlob } from '../schema/key-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import { KEY_ATTRIBUTE, TITLE_ATTRIBUTE, devicePermanodeKey } from '../schema/well-known.ts'
import { type Ground, foldPermanode, membersOf, metaOf } from './evaluate.ts'
import type { Attributes } from './fold.ts'
import type { Device, DeviceRole, Trust } from './queries.ts'
import { anchorOfKey, dateOfText } from './rows.ts'
import { type CertificateClaim, type CertifiedDevice, adminsOf, foldTrust } from './trust-fold.ts'

/** The keys that act, and the devices they belong to, as the committed rows say. */
export interface TrustState {
  readonly roles: ReadonlyMap<KeyId, CertifiedDevice>
  readonly devices: readonly Device[]
}

/** What every planned key of a device's permanode begins with. */
export const devicePermanodePrefix: string = devicePermanodeKey('' as KeyId)

/** Whose key is whose, by the certificates in the rows. */
export async function readRoles(
  rows: KeyValue,
  owner: KeyId,
): Promise<Map<KeyId, CertifiedDevice>> {
  const certificates = await certificatesBy(rows, owner)
  for (const admin of adminsOf(owner, certificates)) {
    // The owner's are read already, whatever they say of the owner's own key.
    if (admin !== owner) certificates.push(...(await certificatesBy(rows, admin)))
  }
  return foldTrust(owner, certificates)
}

/** The devices with the names that their permanodes have now, by key. */
export async function readDevices(
  ground: Ground,
  roles: ReadonlyMap<KeyId, CertifiedDevice>,
): Promise<Device[]> {
  const devices: Device[] = []
  for (const [keyId, { role, since, permanode }] of roles) {
    const members = await membersOf(ground, anchorOfKey(devicePermanodeKey(keyId)))
    const { attributes } = await foldPermanode(ground, members)
    devices.push({
      keyId,
      keyRef: keyRefOf(keyId, attributes),
      permanode: members[0] ?? permanode,
      name: first(attributes, TITLE_ATTRIBUTE) ?? keyId,
      role,
      since: dateOfText(since),
      isRevoked: false,
      isRetired: false,
    })
  }
  return devices.sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
}

/** The trust that others see: answers from `current`, which changes. */
export function openTrust(owner: KeyId): {
  readonly trust: Trust
  readonly setTrust: (state: TrustState) => void
} {
  let current: TrustState = { roles: new Map(), devices: [] }
  const listeners = new Set<() => void>()
  return {
    trust: {
      owner,
      isOwn: key => key === owner || current.roles.has(key),
      isAdmin: key => key === owner || current.roles.get(key)?.role === 'admin',
      devices: () => current.devices,
      onChange(listener) {
        const own = (): void => listener()
        listeners.add(own)
        return () => void listeners.delete(own)
      },
    },
    setTrust(state) {
      const isChanged = fingerprint(state) !== fingerprint(current)
      current = state
      if (isChanged) for (const listener of listeners) listener()
    },
  }
}

async function certificatesBy(rows: KeyValue, signer: KeyId): Promise<CertificateClaim[]> {
  const certificates: CertificateClaim[] = []
  for await (const [key, role] of rows.scan(prefixRange(`cert|${signer}|`))) {
    const [, , permanode, date] = key.split('|') as [string, string, BlobRef, string]
    const plannedKey = (await metaOf(rows, permanode))?.signed?.plannedKey
    const device = deviceOf(plannedKey)
    if (device === undefined) continue
    certificates.push({ signer, device, permanode, role: role as DeviceRole, date })
  }
  return certificates
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

function fingerprint({ devices }: TrustState): string {
  return JSON.stringify(devices.map(device => ({ ...device, since: String(device.since) })))
}

/** The key that a device's permanode is about; planned keys are any text, so what is no key id is none. */
function deviceOf(plannedKey: string | undefined): KeyId | undefined {
  if (plannedKey?.startsWith(devicePermanodePrefix) !== true) return undefined
  const keyId = plannedKey.slice(devicePermanodePrefix.length)
  return keyIdPattern.test(keyId) ? (keyId as KeyId) : undefined
}

const keyIdPattern = /^(?:ed25519-[0-9a-f]{64}|openpgp-[0-9a-f]{40})$/
