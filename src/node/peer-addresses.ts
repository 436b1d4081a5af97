import type { KeyValue } from '../base/key-value.ts'
import type { KeyId } from '../schema/signer.ts'
import { lockHome } from './home-lock.ts'
import type { HomePaths } from './home.ts'
import type { System } from './node.ts'

/** Where devices were reachable, in the home's durable rows. */

const keyOf = (device: KeyId): string => `addresses ${device}`
/** What others have told of it. */
const heardKeyOf = (device: KeyId): string => `heard addresses ${device}`

export async function readAddresses(state: KeyValue, device: KeyId): Promise<readonly string[]> {
  return readRow(state, keyOf(device))
}

/** Those, and behind them what was heard. */
export async function readAllAddresses(state: KeyValue, device: KeyId): Promise<readonly string[]> {
  const told = await readRow(state, keyOf(device))
  return [...new Set([...told, ...(await readRow(state, heardKeyOf(device)))])]
}

/** Answers whether anything is new. */
export async function saveHeardAddresses(
  state: KeyValue,
  device: KeyId,
  addresses: readonly string[],
): Promise<boolean> {
  const known = await readAllAddresses(state, device)
  if (addresses.every(address => known.includes(address))) return false
  await state.batch([{ type: 'put', key: heardKeyOf(device), value: JSON.stringify(addresses) }])
  return true
}

async function readRow(state: KeyValue, key: string): Promise<readonly string[]> {
  return JSON.parse((await state.get(key)) ?? '[]') as string[]
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
