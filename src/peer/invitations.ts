import type { Connection, Stream } from '@libp2p/interface'

import type { Clock } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { KeyId } from '../schema/signer.ts'
import { STRANGER_MS, STRANGERS_MAX, TICKET_MS, WRONG_SECRETS_MAX } from './limits.ts'
import {
  type Admission,
  answerJoin,
  isSameProof,
  joinProof,
  type JoinRequest,
  readJoinRequest,
} from './pairing.ts'
import { keyIdOfPeer } from './peer-id.ts'
import { formatTicket } from './ticket.ts'

export interface Invitation {
  /** Called once with the ticket's text. */
  readonly show: (ticket: string) => Promise<void>
  readonly confirm: (request: JoinRequest) => Promise<boolean>
  /** Makes the newcomer a device. */
  readonly admit: (request: JoinRequest) => Promise<Admission>
  readonly signal: AbortSignal
}

/** The tickets of one device: at most one is open at a time. */
export interface Invitations {
  /** Whether a device that nobody knows may connect now, to pair. */
  admitsStranger(key: KeyId): boolean
  /** Whether a stranger who is connected may stay: not without a ticket, and not for long unless a person decides on him. */
  mayStay(key: KeyId): boolean
  /** Opens a ticket, and resolves with who has joined. */
  invite(invitation: Invitation, addresses: readonly string[]): Promise<JoinRequest>
  /** Serves the pairing protocol. */
  handle(stream: Stream, connection: Connection): Promise<void>
}

interface OpenTicket extends Invitation {
  readonly secret: Uint8Array
  readonly expires: number
  wrongSecrets: number
  /** Who has presented it. */
  joining: KeyId | undefined
  readonly resolve: (request: JoinRequest) => void
  readonly reject: (error: unknown) => void
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export function openInvitations(
  self: KeyId,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Invitations {
  let ticket: OpenTicket | undefined
  /** Those admitted in the last seconds. */
  const strangers = new Set<KeyId>()

  function closeTicket(closed: OpenTicket, error: PeerkeepError): void {
    if (ticket === closed) ticket = undefined
    closed.reject(error)
  }

  async function judge(
    open: OpenTicket | undefined,
    request: JoinRequest,
  ): Promise<string | undefined> {
    if (!open || open.joining !== undefined || open.expires <= clock.now()) {
      return "the ticket was used or has expired; make a new one with 'peerkeep pair'"
    }
    if (!isSameProof(request.proof, joinProof(open.secret, request.keyId, self))) {
      open.wrongSecrets += 1
      if (open.wrongSecrets >= WRONG_SECRETS_MAX) {
        closeTicket(
          open,
          new PeerkeepError('BAD_TICKET', 'too many wrong secrets; the ticket is void'),
        )
      }
      return 'the ticket is not the one that was made'
    }
    open.joining = request.keyId
    if (await open.confirm(request)) return undefined
    closeTicket(open, new PeerkeepError('REFUSED', `${request.name} was not let in`))
    return 'the person at the other device did not agree'
  }

  async function admit(open: OpenTicket, request: JoinRequest, stream: Stream): Promise<void> {
    try {
      await answerJoin(stream, await open.admit(request))
      open.resolve(request)
    } catch (error) {
      open.reject(error)
      throw error
    }
  }

  return {
    admitsStranger(key) {
      if (!ticket || ticket.expires <= clock.now()) return false
      if (!strangers.has(key) && strangers.size >= STRANGERS_MAX) return false
      strangers.add(key)
      clock.after(STRANGER_MS, () => strangers.delete(key))
      return true
    },
    mayStay: key => ticket !== undefined && (strangers.has(key) || ticket.joining === key),
    async invite(invitation, addresses) {
      if (ticket)
        throw new PeerkeepError(
          'REFUSED',
          'another ticket is open; wait for it, or stop its command',
        )
      const secret = random.bytes(16)
      const expires = clock.now() + TICKET_MS
      const { promise, resolve, reject } = Promise.withResolvers<JoinRequest>()
      const open = {
        ...invitation,
        secret,
        expires,
        wrongSecrets: 0,
        joining: undefined,
        resolve,
        reject,
      }
      ticket = open
      const onAbort = (): void =>
        closeTicket(open, new PeerkeepError('ABORTED', 'the ticket was taken back'))
      invitation.signal.addEventListener('abort', onAbort)
      const stopTimer = clock.after(TICKET_MS, () =>
        closeTicket(open, new PeerkeepError('TIMED_OUT', 'nobody came; the ticket has expired')),
      )
      try {
        await invitation.show(formatTicket({ inviter: self, addresses, secret, expires }))
        return await promise
      } finally {
        stopTimer()
        invitation.signal.removeEventListener('abort', onAbort)
        if (ticket === open) ticket = undefined
      }
    },
    async handle(stream, connection) {
      const keyId = keyIdOfPeer(connection.remotePeer)
      if (keyId === undefined) return
      const stopTimer = clock.after(STRANGER_MS, () => {
        // A person may take longer to agree than a stranger may take to ask.
        if (ticket?.joining !== keyId) stream.abort(new Error('too slow'))
      })
      try {
        const request = await readJoinRequest(stream, keyId)
        const open = ticket
        const refused = await judge(open, request)
        if (refused !== undefined || !open) {
          log.warn('pairing refused', { peer: keyId, reason: refused })
          await answerJoin(stream, { refused: refused ?? 'no ticket is open' })
          return
        }
        await admit(open, request, stream)
        log.info('paired', { peer: keyId, name: request.name })
      } finally {
        stopTimer()
      }
    },
  }
}
