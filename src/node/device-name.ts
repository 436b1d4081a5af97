import type { Index } from '../index/queries.ts'
import type { KeyId } from '../schema/signer.ts'

/** What a device or an adopted key is called now; its key where no certificate names it. */
export function deviceName(index: Index, key: KeyId): string {
  const known = [...index.trust.devices(), ...index.trust.adopted()]
  return known.find(({ keyId }) => keyId === key)?.name ?? key
}
