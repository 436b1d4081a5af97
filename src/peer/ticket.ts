import { hash, timingSafeEqual } from 'node:crypto'

import { PeerkeepError } from '../base/errors.ts'
import type { KeyId } from '../schema/signer.ts'

/** What a pairing ticket says: whom to call, where, and a secret that works once. */
export interface Ticket {
  /** The inviting device; its key is checked by the line itself. */
  readonly inviter: KeyId
  readonly addresses: readonly string[]
  /** 16 random bytes. */
  readonly secret: Uint8Array
  /** Milliseconds since 1970. */
  readonly expires: number
}

/**
 * Text form: `peerkeep1` and base64url of: version 1 (1 byte), key (32), secret (16), expiry in seconds (4,
 * big-endian), the addresses as text joined by line feeds, and 4 bytes of SHA-256 over all before, which tells
 * a mistyped ticket from a wrong one.
 */
const PREFIX = 'peerkeep1'
const VERSION = 1
const KEY_AT = 1
const SECRET_AT = 33
const EXPIRY_AT = 49
const ADDRESSES_AT = 53
const CHECKSUM_BYTES = 4
const TICKET_TEXT_MAX = 4096

export function formatTicket(ticket: Ticket): string {
  const head = Buffer.alloc(ADDRESSES_AT)
  head[0] = VERSION
  head.write(ticket.inviter.slice('ed25519-'.length), KEY_AT, 'hex')
  head.set(ticket.secret, SECRET_AT)
  head.writeUInt32BE(Math.floor(ticket.expires / 1000), EXPIRY_AT)
  const body = Buffer.concat([head, Buffer.from(ticket.addresses.join('\n'))])
  return PREFIX + Buffer.concat([body, checksum(body)]).toString('base64url')
}

/** Reads what a person pasted; `now` in milliseconds. Throws `BAD_TICKET`. */
export function parseTicket(text: string, now: number): Ticket {
  const ticket = decodeTicket(text.trim())
  if (!ticket) {
    throw new PeerkeepError(
      'BAD_TICKET',
      "that is no pairing ticket, or not all of it. Copy the whole line that 'peerkeep pair' printed; it begins with peerkeep1.",
    )
  }
  if (ticket.expires <= now) {
    throw new PeerkeepError(
      'BAD_TICKET',
      "the ticket has expired. Make a new one with 'peerkeep pair'.",
    )
  }
  return ticket
}

function decodeTicket(text: string): Ticket | undefined {
  if (!text.startsWith(PREFIX) || text.length > TICKET_TEXT_MAX) return undefined
  const encoded = text.slice(PREFIX.length)
  const bytes = Buffer.from(encoded, 'base64url')
  if (bytes.toString('base64url') !== encoded) return undefined
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (body.length < ADDRESSES_AT || body[0] !== VERSION) return undefined
  if (!timingSafeEqual(checksum(body), bytes.subarray(-CHECKSUM_BYTES))) return undefined
  return {
    inviter: `ed25519-${body.toString('hex', KEY_AT, SECRET_AT)}` as KeyId,
    secret: body.subarray(SECRET_AT, EXPIRY_AT),
    expires: body.readUInt32BE(EXPIRY_AT) * 1000,
    addresses: body
      .toString('utf8', ADDRESSES_AT)
      .split('\n')
      .filter(address => address !== ''),
  }
}

function checksum(body: Uint8Array): Buffer {
  return hash('sha256', body, 'buffer').subarray(0, CHECKSUM_BYTES)
}
