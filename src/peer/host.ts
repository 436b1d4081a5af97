import type { Connection, Stream } from '@libp2p/interface'

import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { KeyId } from '../schema/signer.ts'
import { type Invitation, openInvitations } from './invitations.ts'
import { EXCHANGE_PROTOCOL, openLine, PAIRING_PROTOCOL, peersOfNodes } from './line.ts'
import type { Hello } from './messages.ts'
import type { JoinRequest } from './pairing.ts'
import { keyIdOfPeer } from './peer-id.ts'
import { openRedial } from './redial.ts'
import { openRendezvous } from './rendezvous.ts'
import { openSession, type Session } from './session.ts'
import type { Membership, ReplicaSource } from './source.ts'
import { openStrangers } from './strangers.ts'

/** This device among the owner's: it calls the others, answers them, and keeps itself equal with them. */
export interface PeerHost extends AsyncDisposable {
  /** Multiaddrs with this device's PeerId. */
  addresses(): string[]
  sessions(): readonly Session[]
  /** Tells every connected device that there is something new here. */
  changed(): void
  onChange(listener: () => void): () => void
  /** Connected devices that say they hold everything of a snapshot. */
  holders(snapshot: BlobRef): Promise<readonly KeyId[]>
  invite(invitation: Invitation): Promise<JoinRequest>
  close(): Promise<void>
}

export interface PeerHostOptions {
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  /** Multiaddrs of bootstrap nodes, through which devices find each other. */
  readonly bootstrap?: readonly string[]
  readonly source: ReplicaSource
  readonly membership: Membership
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export async function openPeerHost(options: PeerHostOptions): Promise<PeerHost> {
  const { membership, clock, log, source, bootstrap = [] } = options
  const invitations = openInvitations(membership.self, options)
  const sessions = new Map<KeyId, Session>()
  const listeners = new Set<() => void>()
  const runId = Buffer.from(options.random.bytes(8)).toString('hex')
  const line = await openLine({
    seed: options.seed,
    listen: options.listen,
    bootstrap,
    admits: key => membership.isMember(key) || invitations.admitsStranger(key),
  })
  const tellChange = (): void => listeners.forEach(listener => listener())
  const addresses = (): string[] => line.getMultiaddrs().map(String)

  function hello(): Hello {
    return {
      kind: 'hello',
      name: membership.name(),
      addresses: addresses(),
      runId,
      time: clock.now(),
    }
  }

  async function begin(stream: Stream, keyId: KeyId): Promise<void> {
    const parts = { source, clock, log, onChange: tellChange }
    const session = await openSession(stream, keyId, hello(), parts)
    log.info('peer connected', { peer: keyId, name: session.hello.name })
    sessions.get(keyId)?.close()
    sessions.set(keyId, session)
    void session.ended.then(() => {
      if (sessions.get(keyId) === session) sessions.delete(keyId)
      tellChange()
    })
    await membership.remember(keyId, session.hello.addresses)
    tellChange()
  }

  await line.handle(EXCHANGE_PROTOCOL, async (stream, connection) => {
    const keyId = keyIdOfPeer(connection.remotePeer)
    if (keyId === undefined || !membership.isMember(keyId)) {
      stream.abort(new Error('not a device of this owner'))
      return
    }
    await begin(stream, keyId).catch((error: unknown) => {
      log.warn('peer refused', { peer: keyId, reason: String(error) })
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    })
  })
  await line.handle(PAIRING_PROTOCOL, async (stream, connection) => {
    await invitations.handle(stream, connection).catch((error: unknown) => {
      log.warn('pairing failed', { reason: String(error) })
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    })
  })

  /** Of two devices the one with the smaller key opens the session, so that there is one. */
  async function onConnection(connection: Connection): Promise<void> {
    const keyId = keyIdOfPeer(connection.remotePeer)
    if (keyId === undefined || !membership.isMember(keyId)) return
    if (membership.self > keyId || sessions.has(keyId)) return
    try {
      await begin(await connection.newStream(EXCHANGE_PROTOCOL), keyId)
    } catch (error) {
      log.info('peer not reached', { peer: keyId, reason: String(error) })
      await connection.close().catch(() => undefined)
    }
  }
  const isMember = (key: KeyId): boolean => membership.isMember(key)
  const { mayStay } = invitations
  const nodes = peersOfNodes(bootstrap)
  const strangers = openStrangers({ line, clock, isMember, mayStay, nodes })
  line.addEventListener('connection:open', event => {
    strangers.watch(event.detail)
    void onConnection(event.detail)
  })
  const rendezvous = openRendezvous({ line, nodes: bootstrap, clock })
  const isConnected = (key: KeyId): boolean => sessions.has(key)
  const redial = openRedial({ line, membership, clock, isConnected, rendezvous })
  const stopWatching = membership.onChange(() => {
    strangers.cutAll()
    redial.look()
  })

  const close = async (): Promise<void> => {
    stopWatching()
    redial.stop()
    rendezvous.stop()
    for (const session of sessions.values()) session.close()
    await line.stop()
    await Promise.all([...sessions.values()].map(session => session.ended))
  }
  let closing: Promise<void> | undefined
  const closeOnce = (): Promise<void> => (closing ??= close())
  return {
    addresses,
    sessions: () => [...sessions.values()],
    changed: () => sessions.forEach(session => session.notify()),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    holders: snapshot => askHolders([...sessions.values()], snapshot),
    invite: invitation => invitations.invite(invitation, addresses()),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  }
}

async function askHolders(
  sessions: readonly Session[],
  snapshot: BlobRef,
): Promise<readonly KeyId[]> {
  const answers = await Promise.all(
    sessions.map(async session =>
      (await session.holds(snapshot).catch(() => false)) ? session.keyId : undefined,
    ),
  )
  return answers.filter(keyId => keyId !== undefined)
}
