import type { Index } from '../index/queries.ts'
import type { KeyId } from '../schema/signer.ts'

/** What a device is called now; its key where no certificate names it. */
export function deviceName(index: Index, key: KeyId): string {
  return index.trust.devices().find(device => device.keyId === key)?.name ?? key
}
