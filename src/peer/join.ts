import type { Stream } from '@libp2p/interface'

import { PeerkeepError } from '../base/errors.ts'
import type { KeyId } from '../schema/signer.ts'
import { elseByNoise } from './by-noise.ts'
import { callTargets } from './call-targets.ts'
import { openLine, PAIRING_PROTOCOL } from './line.ts'
import { type Admission, askToJoin, joinProof } from './pairing.ts'
import { peerIdOfKey } from './peer-id.ts'
import type { Ticket } from './ticket.ts'

/** What a new device says of itself. */
export interface Newcomer {
  readonly seed: Uint8Array
  readonly keyId: KeyId
  readonly name: string
}

/**
 * Presents a ticket to the device that made it, and answers what that gives. Rejects with `PEER_UNREACHABLE`, or
 * with the refusal (`PEER_REFUSED`).
 */
export async function presentTicket(
  ticket: Ticket,
  newcomer: Newcomer,
  signal: AbortSignal,
): Promise<Admission> {
  const line = await openLine({
    seed: newcomer.seed,
    listen: [],
    admits: key => key === ticket.inviter,
  })
  try {
    const targets = callTargets(ticket.addresses, peerIdOfKey(ticket.inviter))
    const call = async (): Promise<Stream> =>
      line.dialProtocol(targets, PAIRING_PROTOCOL, { signal })
    const stream = await elseByNoise(line, call, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      throw new PeerkeepError(
        'PEER_UNREACHABLE',
        `the device that made the ticket does not answer at ${ticket.addresses.join(', ')}, or has closed the ticket. Is its node running, and in the same network?`,
        { cause: error },
      )
    })
    const proof = joinProof(ticket.secret, newcomer.keyId, ticket.inviter)
    return await askToJoin(stream, { name: newcomer.name, proof })
  } finally {
    await line.stop()
  }
}
