import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'

import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'

import { silentLog } from '../../src/base/log.ts'
import { openPeerHost, type PeerHost } from '../../src/peer/host.ts'
import { presentTicket } from '../../src/peer/join.ts'
import { STRANGER_MS, STRANGERS_MAX, TICKET_MS, WRONG_SECRETS_MAX } from '../../src/peer/limits.ts'
import { BLOB_PROTOCOL, EXCHANGE_PROTOCOL, openLine } from '../../src/peer/line.ts'
import type { Admission, JoinRequest } from '../../src/peer/pairing.ts'
import { parseTicket, type Ticket } from '../../src/peer/ticket.ts'
import { ed25519Signer } from '../../src/schema/ed25519-signer.ts'
import type { KeyId } from '../../src/schema/signer.ts'
import { openSimClock, type SimClock } from '../sim/sim-clock.ts'
import { emptySource, sharedOptions } from './test-device.ts'

const admission: Admission = {
  inviterName: 'laptop',
  ownerKeyBlob: Buffer.from('owner'),
  groupSecret: Buffer.from('secret'),
  blobs: [],
}

interface Inviter extends AsyncDisposable {
  readonly keyId: KeyId
  readonly host: PeerHost
  readonly clock: SimClock
  readonly members: Set<KeyId>
  readonly admitted: string[]
  /** Says that the members have changed. */
  tell(): void
  /** Opens a ticket; `confirm` is the person's answer. */
  invite(confirm?: (request: JoinRequest) => Promise<boolean>): Promise<{
    readonly ticket: Ticket
    readonly joined: Promise<JoinRequest>
  }>
}

async function openInviter(): Promise<Inviter> {
  const seed = randomBytes(32)
  const self = ed25519Signer(seed).keyId
  const clock = openSimClock()
  const members = new Set<KeyId>()
  const admitted: string[] = []
  const listeners = new Set<() => void>()
  const host = await openPeerHost({
    seed,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    ...sharedOptions,
    source: emptySource,
    membership: {
      self,
      name: () => 'laptop',
      isMember: key => members.has(key),
      members: () => [...members],
      onChange(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      addresses: async () => [],
      toldAddresses: async () => [],
      remember: async () => undefined,
      hear: async () => false,
    },
    clock,
    log: silentLog,
  })
  return {
    keyId: self,
    host,
    clock,
    members,
    admitted,
    tell: () => listeners.forEach(listener => listener()),
    async invite(confirm = async () => true) {
      const shown = Promise.withResolvers<string>()
      const joined = host.invite({
        show: async text => shown.resolve(text),
        confirm,
        async admit({ name }) {
          admitted.push(name)
          return admission
        },
        signal: new AbortController().signal,
      })
      joined.catch(() => undefined)
      return { ticket: parseTicket(await shown.promise, clock.now()), joined }
    },
    [Symbol.asyncDispose]: () => host.close(),
  }
}

function present(ticket: Ticket, name: string): Promise<Admission> {
  const seed = randomBytes(32)
  const newcomer = { seed, keyId: ed25519Signer(seed).keyId, name }
  return presentTicket(ticket, newcomer, AbortSignal.timeout(20_000))
}

test('a ticket lets one in, and nobody after', async () => {
  await using inviter = await openInviter()
  const { ticket, joined } = await inviter.invite()
  assert.equal((await present(ticket, 'nas')).inviterName, 'laptop')
  assert.equal((await joined).name, 'nas')
  await assert.rejects(present(ticket, 'thief'), { code: 'PEER_UNREACHABLE' })
  assert.deepEqual(inviter.admitted, ['nas'])
})

test('of two who come with one ticket at once, one gets in', async () => {
  await using inviter = await openInviter()
  const person = Promise.withResolvers<boolean>()
  const { ticket } = await inviter.invite(() => person.promise)
  const both = ['one', 'two'].map(name => present(ticket, name))
  // While the person still thinks about the first, the second is refused.
  const settled = Promise.allSettled(both)
  await assert.rejects(Promise.race(both), { code: 'PEER_REFUSED' })
  person.resolve(true)
  const outcomes = (await settled).map(({ status }) => status)
  assert.deepEqual(outcomes.sort(), ['fulfilled', 'rejected'])
  assert.equal(inviter.admitted.length, 1)
})

test('an expired ticket lets nobody in, whatever the newcomer thinks of the time', async () => {
  await using inviter = await openInviter()
  const { ticket, joined } = await inviter.invite()
  await inviter.clock.advance(TICKET_MS)
  await assert.rejects(joined, { code: 'TIMED_OUT' })
  await assert.rejects(present(ticket, 'late'), { code: 'PEER_UNREACHABLE' })
  assert.deepEqual(inviter.admitted, [])
})

test('a wrong secret is refused, and a few of them void the ticket', async () => {
  await using inviter = await openInviter()
  const { ticket, joined } = await inviter.invite()
  const wrong = { ...ticket, secret: randomBytes(16) }
  for (let at = 0; at < WRONG_SECRETS_MAX; at++) {
    await assert.rejects(present(wrong, 'thief'), { code: 'PEER_REFUSED' })
  }
  await assert.rejects(joined, { code: 'BAD_TICKET' })
  await assert.rejects(present(ticket, 'nas'), { code: 'PEER_UNREACHABLE' })
  assert.deepEqual(inviter.admitted, [])
})

test('whom the person does not know is not let in', async () => {
  await using inviter = await openInviter()
  const { ticket, joined } = await inviter.invite(async ({ name }) => name !== 'thief')
  await assert.rejects(present(ticket, 'thief'), { code: 'PEER_REFUSED' })
  await assert.rejects(joined, { code: 'REFUSED' })
  assert.deepEqual(inviter.admitted, [])
})

test('while a ticket is open a few strangers may come, and each is cut after half a minute', async () => {
  await using inviter = await openInviter()
  await inviter.invite()
  const [address = ''] = inviter.host.addresses()
  const lines = await Promise.all(
    Array.from({ length: STRANGERS_MAX + 1 }, () =>
      openLine({ seed: randomBytes(32), listen: [], admits: () => true }),
    ),
  )
  try {
    const connections: Connection[] = []
    for (const line of lines.slice(0, -1)) connections.push(await line.dial(multiaddr(address)))
    const closed: Promise<unknown>[] = connections.map(connection => once(connection, 'close'))
    const late = lines.at(-1)
    assert.ok(late)
    await assert.rejects(async () => {
      const connection = await late.dial(multiaddr(address))
      // The dialer is told of a line that the other side has cut already.
      await once(connection, 'close')
      throw new Error('cut')
    })
    await inviter.clock.advance(STRANGER_MS)
    await Promise.all(closed)
  } finally {
    await Promise.all(lines.map(async line => line.stop()))
  }
})

test('a device that is one no longer is cut at once', async () => {
  await using inviter = await openInviter()
  // Of two devices the one with the smaller key opens the session, and this one has none to answer with.
  let seed = randomBytes(32)
  while (ed25519Signer(seed).keyId > inviter.keyId) seed = randomBytes(32)
  const { keyId } = ed25519Signer(seed)
  inviter.members.add(keyId)
  const line = await openLine({ seed, listen: [], admits: () => true })
  await line.handle(BLOB_PROTOCOL, () => undefined)
  try {
    const [address = ''] = inviter.host.addresses()
    const connection = await line.dial(multiaddr(address))
    await connection.newStream(EXCHANGE_PROTOCOL)
    const closed = once(connection, 'close')
    inviter.tell()
    await connection.newStream(EXCHANGE_PROTOCOL)
    assert.equal(connection.status, 'open', 'a device stays')
    inviter.members.delete(keyId)
    inviter.tell()
    await closed
  } finally {
    await line.stop()
  }
})
