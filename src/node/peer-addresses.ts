import type { KeyValue } from '../base/key-value.ts'
import type { KeyId } from '../schema/signer.ts'
import { lockHome } from './home-lock.ts'
import type { HomePaths } from './home.ts'
import type { System } from './node.ts'

/** Where devices were reachable, in the home's durable rows. */

const keyOf = (device: KeyId): string => `addresses ${device}`

export async function readAddresses(state: KeyValue, device: KeyId): Promise<readonly string[]> {
  return JSON.parse((await state.get(keyOf(device))) ?? '[]') as string[]
}

export async function saveAddresses(
  state: KeyValue,
  device: KeyId,
  addresses: readonly string[],
): Promise<void> {
  if (addresses.length === 0) return
  await state.batch([{ type: 'put', key: keyOf(device), value: JSON.stringify(addresses) }])
}

/** The same for a home that is not open. */
export async function rememberAddresses(
  home: { readonly paths: HomePaths; readonly system: System },
  device: KeyId,
  addresses: readonly string[],
): Promise<void> {
  const state = await lockHome({ ...home, purpose: 'join' })
  try {
    await saveAddresses(state, device, addresses)
  } finally {
    await state.close()
  }
}
