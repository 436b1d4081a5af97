import { PeerkeepError } from '../base/errors.ts'
import type { AdoptedKey, Device, Index } from '../index/queries.ts'
import type { KeyId } from '../schema/signer.ts'

/** The device that a name, or its key, means. Throws `NOT_FOUND` or `AMBIGUOUS`. */
export function resolveDevice({ trust }: Pick<Index, 'trust'>, name: string): Device {
  return resolve(trust.devices(), name)
}

/**
 * The device or adopted key that a name, or the key, means: of an OpenPGP key the fingerprint or its last 16 digits.
 * Throws `NOT_FOUND` or `AMBIGUOUS`.
 */
export function resolveKey({ trust }: Pick<Index, 'trust'>, name: string): Device | AdoptedKey {
  return resolve([...trust.devices(), ...trust.adopted()], name)
}

function resolve<Known extends Device | AdoptedKey>(known: readonly Known[], name: string): Known {
  const [only, second] = known.filter(
    ({ name: its, keyId }) => its === name || keyId === name || isKeyId(keyId, name),
  )
  if (only && !second) return only
  if (only)
    throw new PeerkeepError(
      'AMBIGUOUS',
      `several devices are called ${name}; name one by its key, which 'peerkeep --json devices' prints`,
    )
  const names = known.map(({ name: its }) => its).join(', ')
  throw new PeerkeepError('NOT_FOUND', `there is no device ${name}; there are ${names}`)
}

const OPENPGP = 'openpgp-'

/** Whether a text is an OpenPGP key's fingerprint as GnuPG prints it, or its long id. Short ids are easy to forge. */
function isKeyId(keyId: KeyId, text: string): boolean {
  const digits = text.replaceAll(' ', '').replace(/^0x/i, '').toLowerCase()
  return /^(?:[0-9a-f]{16}|[0-9a-f]{40})$/.test(digits) && keyId.startsWith(OPENPGP)
    ? keyId.endsWith(digits)
    : false
}

/** How a person knows a key: an OpenPGP key by its fingerprint, as GnuPG prints it. */
export function fingerprintOf(keyId: KeyId): string {
  if (!keyId.startsWith(OPENPGP)) return keyId
  return keyId.slice(OPENPGP.length).toUpperCase().match(/.{4}/g)?.join(' ') ?? keyId
}

/** The short name of a key: of an OpenPGP key its long id, as Perkeep shows it. */
export function shortKeyId(keyId: KeyId): string {
  return keyId.startsWith(OPENPGP) ? keyId.slice(-16).toUpperCase() : keyId.slice(0, 24)
}
