import type { Duplex } from 'node:stream'

import { PeerkeepError } from '../base/errors.ts'
import { openFolderStore } from '../blob/folder-store.ts'
import { openHttpStore } from '../blob/http-store.ts'
import { openDoor, type Door } from '../blob/receive.ts'
import { openBucket } from '../blob/s3-bucket.ts'
import { openS3Store } from '../blob/s3-store.ts'
import { parseStoreAddress, s3Environment, type StoreAddress } from '../blob/store-address.ts'
import type { BlobSource, BlobStore, ReadingOrder } from '../blob/store.ts'
import { openBucketSource, openFolderSource, type Reading } from './foreign-stores.ts'
import type { Node } from './node.ts'
import { resolveDevice } from './resolve-key.ts'

/** A place that blobs are copied out of. */
export type SourcePlace = BlobSource & Partial<ReadingOrder>

/** A place that blobs are copied into. */
export interface TargetPlace extends Pick<BlobSource, 'enumerate' | 'close'>, Door {}

/** What the environment of whoever asked says about servers. */
export interface PlaceCredentials {
  /** `userpass:USER:PASSWORD` or `token:SECRET`, for `http(s)://`. */
  readonly auth?: string | undefined
  /** The variables that the AWS tools read. */
  readonly aws: Readonly<Record<string, string>>
}

/** A place as a person names it: `here`, `http(s)://…`, `plain+s3://bucket/prefix`, `plain+file:///dir` … */
export type PlaceName =
  | { readonly kind: 'here' }
  | { readonly kind: 'http'; readonly url: string }
  | StoreAddress
  | { readonly kind: 'peer' | 'vault'; readonly name: string }

const FORMS =
  'a place is here, peer:DEVICE, http://HOST:PORT or https://… (a Perkeep server), plain+s3://BUCKET/PREFIX, or plain+file:///DIRECTORY'

/** Throws `BAD_USAGE` for what names no place. */
export function parsePlace(text: string): PlaceName {
  if (text === 'here') return { kind: 'here' }
  if (/^https?:\/\/./.test(text)) return { kind: 'http', url: text }
  if (text.startsWith('plain+')) return parseStoreAddress(text)
  const [, kind, name] = /^(peer|vault):(.+)$/.exec(text) ?? []
  if (name !== undefined) return { kind: kind === 'peer' ? 'peer' : 'vault', name }
  throw new PeerkeepError('BAD_USAGE', `${JSON.stringify(text)} is no place: ${FORMS}`)
}

/** Whether whoever gets hold of the place can read the blobs, without being asked who they are. */
export function isPlain({ kind }: PlaceName): boolean {
  return kind === 'bucket' || kind === 'folder'
}

export interface OpenPlace {
  readonly node: Node
  readonly name: PlaceName
  readonly credentials: PlaceCredentials
  readonly reading: Omit<Reading, 'node'>
}

/** Opens a place to read from, in whatever way Perkeep keeps blobs there. */
export async function openSource(place: OpenPlace): Promise<SourcePlace> {
  const { node, name, credentials } = place
  const reading = { ...place.reading, node }
  switch (name.kind) {
    case 'here':
      return hereOf(node)
    case 'folder':
      return openFolderSource(name.directory, reading)
    case 'bucket': {
      const open = (below: string): ReturnType<typeof openS3Store> =>
        openBelow(node, { ...name, prefix: name.prefix + below }, credentials)
      return openBucketSource(`${name.bucket}/${name.prefix}`, open, reading)
    }
    case 'http':
    case 'peer':
    case 'vault':
      return openOther(place)
  }
}

function hereOf({ store, condemned }: Node): SourcePlace {
  const close = async (): Promise<void> => undefined
  return {
    ...condemned.visible,
    fetch: (ref, room) => store.fetch(ref, room),
    inReadingOrder: store.inReadingOrder,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Opens a place to copy into; one that is not there yet is made. */
export async function openTarget(place: OpenPlace): Promise<TargetPlace> {
  const { node, name } = place
  if (name.kind === 'here') {
    return {
      enumerate: node.condemned.visible.enumerate,
      receive: node.door.receive,
      close: async () => undefined,
    }
  }
  const store = await openOther(place)
  return {
    enumerate: after => store.enumerate(after),
    receive: openDoor(store, () => undefined).receive,
    close: () => store.close(),
  }
}

async function openOther({ node, name, credentials }: OpenPlace): Promise<BlobStore> {
  const { system } = node
  switch (name.kind) {
    case 'http':
      return openHttpStore({ ...system, ...httpCredentials(name.url, credentials.auth) })
    case 'bucket':
      // What is copied was looked for in the listing.
      return openBelow(node, { ...name, isLackedKnown: true }, credentials)
    case 'folder':
      await requireNoPacks(system, name.directory)
      return openFolderStore({ ...system, directory: name.directory, mayMake: true })
    case 'peer':
      return openPeer(node, name.name)
    case 'here':
    case 'vault':
      throw new PeerkeepError('REFUSED', `there are no vaults in this version yet: ${FORMS}`)
  }
}

/** The blobs of another device, over the line to it. */
async function openPeer(node: Node, name: string): Promise<BlobStore> {
  const { network, system } = node
  if (!network)
    throw new PeerkeepError(
      'PEER_UNREACHABLE',
      `${name} is reached by a running node only: start 'peerkeep up'`,
    )
  const device = resolveDevice(node.index, name)
  const connect = (): Promise<Duplex> =>
    network.openTunnel(device.keyId).catch((error: unknown) => {
      throw new PeerkeepError(
        'PEER_UNREACHABLE',
        `${name} is not connected, or runs an older version; 'peerkeep devices' shows who is there`,
        { cause: error },
      )
    })
  return openHttpStore({ ...system, url: 'http://device/bs/', connect })
}

/** Loose blobs among packs are found by nobody. */
async function requireNoPacks({ files }: Node['system'], directory: string): Promise<void> {
  if ((await files.list(directory))?.includes('pack-00000.blobs') !== true) return
  throw new PeerkeepError(
    'REFUSED',
    `${directory} holds packs, which only the Perkeep server that has them may write: copy to http://HOST:PORT, or to an empty folder`,
  )
}

interface BucketPlace {
  readonly bucket: string
  readonly prefix: string
  readonly isLackedKnown?: boolean
}

async function openBelow(
  { system }: Node,
  { bucket, ...place }: BucketPlace,
  credentials: PlaceCredentials,
): ReturnType<typeof openS3Store> {
  return openS3Store({ ...system, ...place, bucket: await bucketOf({ bucket }, credentials) })
}

function bucketOf(
  { bucket }: { readonly bucket: string },
  { aws }: PlaceCredentials,
): ReturnType<typeof openBucket> {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId = '',
    AWS_SECRET_ACCESS_KEY: secretAccessKey = '',
    AWS_SESSION_TOKEN: sessionToken = '',
  } = aws
  const hasKeys = accessKeyId !== '' && secretAccessKey !== ''
  const session = sessionToken === '' ? {} : { sessionToken }
  return openBucket({
    bucket,
    ...s3Environment(aws),
    credentials: hasKeys ? { accessKeyId, secretAccessKey, ...session } : undefined,
  })
}

function httpCredentials(url: string, auth: string | undefined): { url: string; token?: string } {
  if (auth === undefined) return { url }
  const [, token] = /^token:(.+)$/.exec(auth) ?? []
  if (token !== undefined) return { url, token }
  const [, user, password] = /^userpass:([^:]+):(.+)$/.exec(auth) ?? []
  if (user === undefined || password === undefined) {
    throw new PeerkeepError(
      'BAD_USAGE',
      'PEERKEEP_SYNC_AUTH must be userpass:USER:PASSWORD or token:SECRET',
    )
  }
  const named = new URL(url)
  named.username = encodeURIComponent(user)
  named.password = encodeURIComponent(password)
  return { url: named.href }
}
