import type { Duplex } from 'node:stream'

import type { Connection, Stream } from '@libp2p/interface'

import { asError, PeerkeepError } from '../base/errors.ts'
import type { KeyId } from '../schema/signer.ts'
import { elseByNoise } from './by-noise.ts'
import { type FramedStream, openFramedStream } from './framed-stream.ts'
import { type Invitation, openInvitations } from './invitations.ts'
import { BLOB_STREAMS_MAX, LONG_LINE_MS, REDIAL_MIN_MS } from './limits.ts'
import {
  alsoRelayed,
  BLOB_PROTOCOL,
  EXCHANGE_PROTOCOL,
  openLine,
  PAIRING_PROTOCOL,
  peersOfNodes,
  TUNNEL_PROTOCOL,
} from './line.ts'
import type { JoinRequest } from './pairing.ts'
import { keyIdOfPeer } from './peer-id.ts'
import { openRedial } from './redial.ts'
import { isRelayed } from './relayed.ts'
import { openRendezvous } from './rendezvous.ts'
import { openReplica, type Replica, type ReplicaOptions } from './replica.ts'
import { serveBlobs } from './serve-blobs.ts'
import { openStrangers } from './strangers.ts'
import type { SyncRole } from './sync-state.ts'
import { openTunnel } from './tunnel.ts'

/** This device among the owner's, over libp2p: it calls the others and answers them. */
export interface PeerHost extends AsyncDisposable {
  /** Multiaddrs with this device's PeerId. */
  addresses(): string[]
  readonly replica: Replica
  invite(invitation: Invitation): Promise<JoinRequest>
  /** A line to a device that is connected, for HTTP. Rejects with `PEER_UNREACHABLE`. */
  openTunnel(keyId: KeyId): Promise<Duplex>
  close(): Promise<void>
}

export interface PeerHostOptions extends Omit<ReplicaOptions, 'addresses' | 'onHeard'> {
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  /** Multiaddrs of bootstrap nodes, through which devices find each other. */
  readonly bootstrap?: readonly string[]
  /** Whether devices in the same network are looked for. */
  readonly isLocal?: boolean
  /** Takes lines that other devices open for HTTP. */
  readonly onTunnel?: (tunnel: Duplex) => void
  /** Milliseconds for an answer above which a line has several streams for blobs. */
  readonly longLineMs?: number
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export async function openPeerHost(options: PeerHostOptions): Promise<PeerHost> {
  const { membership, clock, log, source, bootstrap = [], isLocal = false } = options
  const invitations = openInvitations(membership.self, options)
  const line = await openLine({
    seed: options.seed,
    listen: options.listen,
    bootstrap,
    isLocal,
    admits: key => membership.isMember(key) || invitations.admitsStranger(key),
    admitsRelayed: key => membership.isMember(key),
  })
  const addresses = (): string[] => {
    line.services.ownAddresses.look()
    return line.getMultiaddrs().map(String)
  }
  const replica = openReplica({ ...options, addresses, onHeard: () => redial.look() })

  async function begin(stream: Stream, connection: Connection, role: SyncRole): Promise<void> {
    const keyId = keyIdOfPeer(connection.remotePeer)
    if (keyId === undefined || !membership.isMember(keyId))
      return stream.abort(new Error('not a device of this owner'))
    const control = openFramedStream(stream)
    const began = clock.monotonic()
    try {
      const blobs = await openBlobStreams(connection)
      const path = connection.remoteAddr.toString()
      await replica.attach({ control, blobs, path }, keyId, role)
    } catch (error) {
      log.warn('peer refused', { peer: keyId, reason: String(error) })
      stream.abort(asError(error))
    }
    // A session begins with its connection: without one the next call would find this one open, and begin none.
    await connection.close().catch(() => undefined)
    if (clock.monotonic() - began > REDIAL_MIN_MS) redial.look()
  }

  /** The first one shows how long the line is: it costs a trip there and back. */
  async function openBlobStreams(connection: Connection): Promise<FramedStream[]> {
    const open = async (): Promise<FramedStream> =>
      openFramedStream(await connection.newStream(BLOB_PROTOCOL, alsoRelayed))
    const began = clock.monotonic()
    const streams = [await open()]
    const { longLineMs = LONG_LINE_MS } = options
    const count = clock.monotonic() - began > longLineMs ? BLOB_STREAMS_MAX : 1
    while (streams.length < count) streams.push(await open())
    return streams
  }

  await line.handle(
    EXCHANGE_PROTOCOL,
    (stream, connection) => begin(stream, connection, 'answers'),
    alsoRelayed,
  )
  await line.handle(
    BLOB_PROTOCOL,
    async (stream, connection) => {
      const keyId = keyIdOfPeer(connection.remotePeer)
      if (keyId === undefined || !membership.isMember(keyId))
        return stream.abort(new Error('not a device of this owner'))
      await serveBlobs(openFramedStream(stream), source).catch((error: unknown) => {
        log.info('blobs not sent', { peer: keyId, reason: String(error) })
        stream.abort(asError(error))
      })
    },
    alsoRelayed,
  )
  await line.handle(
    TUNNEL_PROTOCOL,
    (stream, connection) => {
      const keyId = keyIdOfPeer(connection.remotePeer)
      if (keyId === undefined || !membership.isMember(keyId) || !options.onTunnel)
        return stream.abort(new Error('not for this device'))
      options.onTunnel(openTunnel(openFramedStream(stream)))
    },
    alsoRelayed,
  )
  const nodes = peersOfNodes(bootstrap)
  await line.handle(PAIRING_PROTOCOL, async (stream, connection) => {
    if (nodes.has(connection.remotePeer.toString()))
      return stream.abort(new Error('a bootstrap node has nothing to pair'))
    await invitations.handle(stream, connection).catch((error: unknown) => {
      log.warn('pairing failed', { reason: String(error) })
      stream.abort(asError(error))
    })
  })

  /** Of two devices the one with the smaller key opens the session, so that there is one for each connection. */
  async function onConnection(connection: Connection): Promise<void> {
    const keyId = keyIdOfPeer(connection.remotePeer)
    if (keyId === undefined || !membership.isMember(keyId) || membership.self > keyId) return
    try {
      await begin(await connection.newStream(EXCHANGE_PROTOCOL, alsoRelayed), connection, 'asks')
    } catch (error) {
      log.info('peer not reached', { peer: keyId, reason: String(error) })
      await connection.close().catch(() => undefined)
    }
  }
  const isMember = (key: KeyId): boolean => membership.isMember(key)
  const { mayStay } = invitations
  const strangers = openStrangers({ line, clock, isMember, mayStay, nodes })
  line.addEventListener('connection:open', event => {
    strangers.watch(event.detail)
    void onConnection(event.detail)
  })
  const rendezvous = openRendezvous({ line, nodes: bootstrap, clock })
  const isConnected = (key: KeyId): boolean =>
    replica.sessions().some(session => session.keyId === key)
  const isDirect = (key: KeyId): boolean =>
    replica.sessions().some(session => session.keyId === key && !isRelayed(session.path))
  const redial = openRedial({ line, membership, clock, isConnected, isDirect, rendezvous })
  line.addEventListener('peer:discovery', ({ detail }) => {
    const keyId = keyIdOfPeer(detail.id)
    if (keyId === undefined || !membership.isMember(keyId) || isConnected(keyId)) return
    // Both hear of each other at once; with one call there is one connection.
    if (membership.self > keyId) return
    const call = async (): Promise<unknown> => line.dial(detail.id)
    void elseByNoise(line, call).catch(() => undefined)
  })
  const stopWatching = membership.onChange(() => {
    strangers.cutAll()
    redial.look()
  })

  const close = async (): Promise<void> => {
    stopWatching()
    redial.stop()
    rendezvous.stop()
    await replica.close()
    await line.stop()
  }
  let closing: Promise<void> | undefined
  const closeOnce = (): Promise<void> => (closing ??= close())
  return {
    addresses,
    replica,
    async openTunnel(keyId) {
      const connection = line
        .getConnections()
        .find(({ remotePeer }) => keyIdOfPeer(remotePeer) === keyId)
      if (!connection || !membership.isMember(keyId))
        throw new PeerkeepError('PEER_UNREACHABLE', 'the device is not connected')
      return openTunnel(openFramedStream(await connection.newStream(TUNNEL_PROTOCOL, alsoRelayed)))
    },
    invite: invitation => invitations.invite(invitation, addresses()),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  }
}
