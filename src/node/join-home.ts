import { PeerkeepError } from '../base/errors.ts'
import { presentTicket } from '../peer/join.ts'
import { verifyAdmission } from '../peer/admission.ts'
import { parseTicket } from '../peer/ticket.ts'
import { ed25519Signer } from '../schema/ed25519-signer.ts'
import { foundHome, requireNoOwner } from './create-home.ts'
import { setConfig } from './config.ts'
import type { HomePaths } from './home.ts'
import type { System } from './node.ts'
import { rememberAddresses } from './peer-addresses.ts'

export interface Joined {
  readonly inviterName: string
}

/**
 * Makes this home a device of the owner whose device made the ticket. What the inviter answers is held against the
 * owner's key before anything is kept. Rejects with `BAD_TICKET`, `PEER_REFUSED`, `PEER_UNREACHABLE`, `HOME_EXISTS`.
 */
export async function joinHome(
  paths: HomePaths,
  system: System,
  options: { readonly ticket: string; readonly name: string; readonly signal: AbortSignal },
): Promise<Joined> {
  const ticket = parseTicket(options.ticket, system.clock.now())
  if (options.name.length > 200)
    throw new PeerkeepError('BAD_USAGE', 'a name has at most 200 characters')
  await requireNoOwner(paths, system)
  const deviceSeed = system.random.bytes(32)
  const device = ed25519Signer(deviceSeed)
  const newcomer = { seed: deviceSeed, keyId: device.keyId, name: options.name }
  const admission = await presentTicket(ticket, newcomer, options.signal)
  await verifyAdmission(admission, device.keyId)
  await setConfig(system.files, paths.config, { key: 'name', value: options.name })
  const { ownerKeyBlob, groupSecret } = admission
  await foundHome(paths, system, {
    keys: { deviceSeed, ownerKeyBlob, groupSecret },
    blobs: [ownerKeyBlob, device.keyBlob, ...admission.blobs],
  })
  await rememberAddresses({ paths, system }, ticket.inviter, ticket.addresses)
  return { inviterName: admission.inviterName }
}
