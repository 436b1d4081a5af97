import type { BlobRef } from '../../src/blob/ref.ts'
import { refOf } from '../../src/blob/ref.ts'
import type { Index } from '../../src/index/queries.ts'
import { makeCertificate, makeRevocation } from '../../src/schema/certificates.ts'
import type { Nanoseconds } from '../../src/schema/schema-blob.ts'
import type { KeyId, Signer } from '../../src/schema/signer.ts'
import {
  type World,
  type WorldOptions,
  at,
  attribute,
  openWorld,
  owner,
  planned,
  refsOf,
  signerNamed,
} from './index-world.ts'

export const desktop: Signer = signerNamed('desktop')
export const laptop: Signer = signerNamed('laptop')
export const nas: Signer = signerNamed('nas')
export const stranger: Signer = signerNamed('stranger')

let seconds = 1000
export const nextDate = (): Nanoseconds => at(seconds++)

export function certificate(
  device: Signer,
  role: 'admin' | 'device' | 'adopted',
  by: Signer,
): Uint8Array[] {
  return makeCertificate({ device, name: 'a device', role }, by, nextDate)
}

export function revocation(device: Signer, stays: readonly Uint8Array[], by: Signer): Uint8Array[] {
  return makeRevocation({ device: device.keyId, stays: refsOf(stays) }, by, nextDate)
}

const keys = [owner, desktop, laptop, nas, stranger].map(signer => signer.keyBlob)

/** The owner's desktop is an admin, which made laptop and NAS devices; an album with a title by the laptop. */
export async function openFamily(options: WorldOptions = {}): Promise<World & Album> {
  const world = await openWorld(options)
  const album = planned('album', owner)
  const title = attribute(refOf(album), ['title', 'Summer'], { signer: laptop, date: at(10) })
  await world.add(...keys, ...certificate(desktop, 'admin', owner))
  await world.add(...certificate(laptop, 'device', desktop), ...certificate(nas, 'device', desktop))
  await world.add(album, title)
  return { ...world, album: refOf(album), title }
}

interface Album {
  readonly album: BlobRef
  readonly title: Uint8Array
}

export async function titleOf(index: Index, permanode: BlobRef): Promise<string | undefined> {
  return (await index.permanode(permanode))?.attributes.get('title')?.[0]
}

export async function members(index: Index): Promise<BlobRef[]> {
  return Array.fromAsync(index.enumerateMeta('claims'), ({ ref }) => ref)
}

export async function disputed(index: Index): Promise<BlobRef[]> {
  return Array.fromAsync(index.disputed(), ({ ref }) => ref)
}

export async function signedBy(index: Index, key: KeyId): Promise<BlobRef[]> {
  return Array.fromAsync(index.signedBy(key))
}
