import { join } from 'node:path'

import { PeerkeepError } from '../base/errors.ts'
import { type FileLayer, replaceFile } from '../base/files.ts'
import type { HomePaths } from './home.ts'

/**
 * What a home knows by heart (`keys/`). `owner.pub` is written last: a home has an owner exactly
 * when it is there, so an `init` or `join` that was cut short leaves a home that has none.
 */
export interface HomeKeys {
  /** 32 bytes from which this device's ed25519 key is made. Never leaves the device. */
  readonly deviceSeed: Uint8Array
  /** The owner's public key blob. */
  readonly ownerKeyBlob: Uint8Array
  /** 32 bytes that all devices of the owner share. */
  readonly groupSecret: Uint8Array
}

const SECRET_BYTES = 32

export async function hasKeys(files: FileLayer, paths: HomePaths): Promise<boolean> {
  return (await files.fileSize(join(paths.keys, 'owner.pub'))) !== undefined
}

/** Rejects with `HOME_MISSING` when the home has no owner, `BAD_CONFIG` for a key file that is none. */
export async function loadKeys(files: FileLayer, paths: HomePaths): Promise<HomeKeys> {
  const ownerKeyBlob = await files.readFile(join(paths.keys, 'owner.pub'))
  if (!ownerKeyBlob) {
    throw new PeerkeepError(
      'HOME_MISSING',
      `${paths.directory} has no owner yet. 'peerkeep init' makes a new one; 'peerkeep join TICKET' makes this a device of an owner you have.`,
    )
  }
  return {
    ownerKeyBlob,
    deviceSeed: await readSecret(files, join(paths.keys, 'device')),
    groupSecret: await readSecret(files, join(paths.keys, 'group')),
  }
}

export async function saveKeys(files: FileLayer, paths: HomePaths, keys: HomeKeys): Promise<void> {
  await files.makeDirectory(paths.keys)
  await replaceFile(files, join(paths.keys, 'device'), hexLine(keys.deviceSeed))
  await replaceFile(files, join(paths.keys, 'group'), hexLine(keys.groupSecret))
  await replaceFile(files, join(paths.keys, 'owner.pub'), keys.ownerKeyBlob)
}

/** Replaces the secret that the devices share. */
export async function saveGroupSecret(
  files: FileLayer,
  paths: HomePaths,
  secret: Uint8Array,
): Promise<void> {
  await replaceFile(files, join(paths.keys, 'group'), hexLine(secret))
}

function hexLine(secret: Uint8Array): Uint8Array {
  return Buffer.from(`${Buffer.from(secret).toString('hex')}\n`)
}

async function readSecret(files: FileLayer, path: string): Promise<Uint8Array> {
  const text = Buffer.from((await files.readFile(path)) ?? []).toString('latin1')
  const hex = /^([0-9a-f]+)\n?$/.exec(text)?.[1]
  if (hex?.length !== 2 * SECRET_BYTES) {
    throw new PeerkeepError(
      'BAD_CONFIG',
      `${path} is missing or is no key of ${SECRET_BYTES} bytes. Bring it back from a copy of the home, or join again as a new device.`,
    )
  }
  return Buffer.from(hex, 'hex')
}
