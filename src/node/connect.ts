import { PeerkeepError } from '../base/errors.ts'
import { isBlobRef, type BlobRef } from '../blob/ref.ts'
import { openPeerHost, type PeerHost } from '../peer/host.ts'
import type { Admission, JoinRequest } from '../peer/pairing.ts'
import type { Membership, ReplicaSource } from '../peer/source.ts'
import { makeCertificate } from '../schema/certificates.ts'
import { ed25519Signer } from '../schema/ed25519-signer.ts'
import { ed25519KeyBlob, readKeyBlob } from '../schema/key-blob.ts'
import { splitSigned, verifySigned } from '../schema/signed-blob.ts'
import type { KeyId, Signer } from '../schema/signer.ts'
import { devicePermanodeKey } from '../schema/well-known.ts'
import { ownerSeed, readWords } from '../schema/words.ts'
import type { Config } from './config.ts'
import { holdsSnapshot } from './holding.ts'
import type { HomeKeys } from './keys.ts'
import type { Invitation, Network, PeerState } from './network.ts'
import type { Node } from './node.ts'
import { readAddresses, saveAddresses } from './peer-addresses.ts'
import { risingDates } from './rising-dates.ts'
import { refOf } from '../blob/ref.ts'

/** Puts a node on the line to the owner's other devices. */
export async function connectNode(
  node: Node,
  keys: HomeKeys,
  { listen, bootstrap }: Pick<Config, 'listen' | 'bootstrap'>,
): Promise<Network> {
  const { clock, random, log } = node.system
  const host = await openPeerHost({
    seed: keys.deviceSeed,
    listen,
    bootstrap,
    source: replicaSource(node),
    membership: membershipOf(node),
    clock,
    random,
    log,
  })
  return {
    get addresses() {
      return host.addresses()
    },
    peers: () => peerStates(node, host),
    changed: () => host.changed(),
    onChange: listener => host.onChange(listener),
    holders: snapshot => host.holders(snapshot),
    async invite(invitation) {
      const certifier = certifierOf(node, keys, invitation.words)
      const { keyId, name } = await host.invite({
        show: invitation.show,
        confirm: request => invitation.confirm(request.name),
        admit: request => admit(node, keys, { request, certifier, invitation }),
        signal: invitation.signal,
      })
      return { keyId, name }
    },
    close: () => host.close(),
    [Symbol.asyncDispose]: () => host.close(),
  }
}

function peerStates(node: Node, host: PeerHost): PeerState[] {
  const sessions = new Map(host.sessions().map(session => [session.keyId, session]))
  return membershipOf(node)
    .members()
    .map(keyId => {
      const session = sessions.get(keyId)
      return {
        keyId,
        isConnected: session !== undefined,
        lastInSync: session?.lastInSync(),
        bytesReceived: session?.bytesReceived() ?? 0,
      }
    })
}

function membershipOf(node: Node): Membership {
  const self = node.device.keyId
  const members = (): KeyId[] =>
    node.index.trust
      .devices()
      .map(device => device.keyId)
      .filter(key => key !== self)
  return {
    self,
    name: () => node.index.trust.devices().find(device => device.keyId === self)?.name ?? self,
    isMember: key => members().includes(key),
    members,
    onChange: listener => node.index.trust.onChange(listener),
    addresses: key => readAddresses(node.state, key),
    remember: (key, addresses) => saveAddresses(node.state, key, addresses),
  }
}

function replicaSource(node: Node): ReplicaSource {
  return {
    enumerate: (set, after) => node.index.enumerateMeta(set, after),
    fetch: ref => node.store.fetch(ref),
    async take(set, ref, bytes) {
      if (set === 'claims' && !(await mayStore(node, bytes))) return false
      await node.door.receive(bytes, ref)
      return true
    },
    async settled() {
      await node.arrivals.settled()
      await node.index.catchUp()
    },
    async *wants() {
      for await (const { needed } of node.index.missing()) yield needed
    },
    holds: snapshot => holdsSnapshot(node, snapshot),
  }
}

/** Keys may be stored; what is signed, when its signature is right and its key is one of the owner's. */
async function mayStore(node: Node, bytes: Uint8Array): Promise<boolean> {
  if (readKeyBlob(bytes)) return true
  const signed = splitSigned(bytes)
  const keyBlob = signed && (await node.store.fetch(signed.signer))
  if (!keyBlob) return false
  const key = await verifySigned(signed, keyBlob).catch((error: unknown) => {
    if (error instanceof PeerkeepError) return undefined
    throw error
  })
  return key !== undefined && node.index.trust.isOwn(key)
}

/** Who certifies: the owner's key out of the words, or this device, which must be an admin. */
function certifierOf(node: Node, keys: HomeKeys, words: string | undefined): Signer {
  if (words === undefined) return node.device
  const owner = ed25519Signer(ownerSeed(readWords(words)))
  if (owner.keyId === readKeyBlob(keys.ownerKeyBlob)?.keyId) return owner
  throw new PeerkeepError('BAD_WORDS', 'these are the words of another owner')
}

interface Entering {
  readonly request: JoinRequest
  readonly certifier: Signer
  readonly invitation: Invitation
}

/** Certifies a newcomer, here first, and answers everything that certifies the owner's devices. */
async function admit(
  node: Node,
  keys: HomeKeys,
  { request, certifier, invitation }: Entering,
): Promise<Admission> {
  const keyBlob = ed25519KeyBlob(Buffer.from(request.keyId.slice('ed25519-'.length), 'hex'))
  const device = { keyId: request.keyId, keyRef: refOf(keyBlob) }
  const { name } = request
  const permanode = await node.index.plannedPermanode(devicePermanodeKey(request.keyId))
  const dates = risingDates(node.system.clock, await node.index.latestClaimDate())
  const certificate = makeCertificate(
    { device, name, role: invitation.role, permanode },
    certifier,
    dates,
  )
  for (const bytes of [certifier.keyBlob, keyBlob, ...certificate]) await node.door.receive(bytes)
  await node.index.catchUp()
  const self = node.index.trust.devices().find(known => known.keyId === node.device.keyId)
  return {
    inviterName: self?.name ?? node.device.keyId,
    ownerKeyBlob: keys.ownerKeyBlob,
    groupSecret: keys.groupSecret,
    blobs: await certifyingBlobs(node),
  }
}

/** The keys, permanodes and claims that make each device one of the owner's. */
async function certifyingBlobs(node: Node): Promise<Uint8Array[]> {
  const refs = new Set<BlobRef>()
  for (const { permanode, keyRef } of node.index.trust.devices()) {
    refs.add(permanode)
    refs.add(keyRef)
    for await (const claim of node.index.claims(permanode)) refs.add(claim.ref)
  }
  const blobs: Uint8Array[] = []
  for (const ref of refs) {
    const bytes = isBlobRef(ref) ? await node.store.fetch(ref) : undefined
    if (bytes) blobs.push(bytes)
  }
  return blobs
}
