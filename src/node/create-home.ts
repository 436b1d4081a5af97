import { PeerkeepError } from '../base/errors.ts'
import { ed25519Signer } from '../schema/ed25519-signer.ts'
import { makeCertificate } from '../schema/certificates.ts'
import { ownerSeed, wordsOf } from '../schema/words.ts'
import { setConfig } from './config.ts'
import { lockHome } from './home-lock.ts'
import type { HomePaths } from './home.ts'
import { hasKeys, type HomeKeys, saveKeys } from './keys.ts'
import type { System } from './node.ts'
import { openNode } from './open-node.ts'
import { risingDates } from './rising-dates.ts'

export interface NewOwner {
  /** The 24 words, which are kept nowhere. */
  readonly words: string
}

/**
 * Makes a new owner with this device as the first one, an admin. `keepWords` is handed the words before anything
 * counts: when it rejects, there is no owner. Rejects with `HOME_EXISTS` when the home has one.
 */
export async function createHome(
  paths: HomePaths,
  system: System,
  options: {
    readonly name: string
    /** Directory of the blobs, when they shall not lie in the home. */
    readonly store: string | undefined
    readonly keepWords: (words: string) => Promise<void>
  },
): Promise<NewOwner> {
  await requireNoOwner(paths, system)
  const entropy = system.random.bytes(32)
  const words = wordsOf(entropy)
  const owner = ed25519Signer(ownerSeed(entropy))
  const keys: HomeKeys = {
    deviceSeed: system.random.bytes(32),
    groupSecret: system.random.bytes(32),
    ownerKeyBlob: owner.keyBlob,
  }
  const device = ed25519Signer(keys.deviceSeed)
  const certificate = makeCertificate(
    { device, name: options.name, role: 'admin' },
    owner,
    risingDates(system.clock),
  )
  await options.keepWords(words)
  await prepareConfig(paths, system, options)
  await foundHome(paths, system, { keys, blobs: [owner.keyBlob, device.keyBlob, ...certificate] })
  return { words }
}

async function prepareConfig(
  paths: HomePaths,
  system: System,
  { name, store }: { readonly name: string; readonly store: string | undefined },
): Promise<void> {
  await system.files.makeDirectory(paths.directory)
  await setConfig(system.files, paths.config, { key: 'name', value: name })
  if (store !== undefined)
    await setConfig(system.files, paths.config, { key: 'store', value: store })
}

/** Gives a home its keys and first blobs. The last file written makes it count. */
export async function foundHome(
  paths: HomePaths,
  system: System,
  first: { readonly keys: HomeKeys; readonly blobs: readonly Uint8Array[] },
): Promise<void> {
  await saveKeys(system.files, paths, first.keys)
  const node = await openNode({ paths, system, purpose: 'init' })
  try {
    await Promise.all(first.blobs.map(bytes => node.door.receive(bytes)))
    await node.index.catchUp()
  } finally {
    await node.close()
  }
}

/** Rejects when the home has an owner, or another process has it open. */
export async function requireNoOwner(paths: HomePaths, system: System): Promise<void> {
  if (await hasKeys(system.files, paths)) {
    throw new PeerkeepError(
      'HOME_EXISTS',
      `the home ${paths.directory} has an owner already. For another one choose another home: --home DIR.`,
    )
  }
  const state = await lockHome({ paths, system, purpose: 'init' })
  await state.close()
}
