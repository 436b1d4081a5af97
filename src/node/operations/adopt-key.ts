import { PeerkeepError } from '../../base/errors.ts'
import { type BlobRef, parseBlobRef, refOf } from '../../blob/ref.ts'
import { makeCertificate } from '../../schema/certificates.ts'
import { canonicalKeyBlob, KEY_BLOB_MAX, readKeyBlob } from '../../schema/key-blob.ts'
import type { KeyId, Signer } from '../../schema/signer.ts'
import { devicePermanodeKey } from '../../schema/well-known.ts'
import { flagArgument, optionalText } from '../arguments.ts'
import { certifierOf } from '../certifier.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'
import { fingerprintOf, shortKeyId } from '../resolve-key.ts'
import { risingDates } from '../rising-dates.ts'

/**
 * Makes a public key the owner's, so that everything it signed counts: `{ ref?, key?, yes, words? }`. `ref` is a key
 * blob that is here, `key` the text of one. What counts is the key, whichever way it is written down.
 */
export const adoptKeyOperation: Operation<Node> = {
  name: 'adopt-key',
  async run(node, args, { confirm }) {
    const key = await readKey(node, {
      ref: optionalText(args, 'ref'),
      key: optionalText(args, 'key'),
    })
    const certifier = certifierOf(node, optionalText(args, 'words'))
    await node.index.catchUp()
    const isNew = requireAdoptable(node, key.keyId)
    requireAdmin(node, certifier)
    const here = await countHere(node, key)
    if (isNew && !flagArgument(args, 'yes') && !(await confirm(questionOf(key.keyId, here))))
      throw new PeerkeepError('REFUSED', 'the key stays what it was; --yes adopts it')
    await storeKey(node, key)
    if (isNew) await certify(node, key, certifier)
    await node.index.catchUp()
    return {
      keyId: key.keyId,
      fingerprint: fingerprintOf(key.keyId),
      keyRef: refOf(key.canonical),
      isNew,
      ...here,
    }
  },
}

interface AdoptedBlob {
  readonly keyId: KeyId
  /** As it was given. */
  readonly given: Uint8Array
  /** As the claims of Perkeep name it. */
  readonly canonical: Uint8Array
}

async function readKey(
  node: Node,
  { ref, key }: { readonly ref: string | undefined; readonly key: string | undefined },
): Promise<AdoptedBlob> {
  if ((ref === undefined) === (key === undefined))
    throw new PeerkeepError('BAD_USAGE', 'either ref or key is needed')
  const given =
    ref === undefined ? Buffer.from(key ?? '', 'latin1') : await fetchKey(node, parseBlobRef(ref))
  const keyId = readKeyBlob(given)?.keyId
  const canonical = canonicalKeyBlob(given)
  if (keyId !== undefined && canonical) return { keyId, given, canonical }
  throw new PeerkeepError('BAD_SCHEMA', `${ref ?? 'the file'} is no public key${hintOf(given)}`)
}

async function fetchKey(node: Node, ref: BlobRef): Promise<Uint8Array> {
  const bytes = await node.store.fetch(ref)
  if (bytes) return bytes
  throw new PeerkeepError(
    'NOT_FOUND',
    `${ref} is not here; with a file that has the key, 'peerkeep adopt-key FILE' brings it`,
  )
}

/** Characters in which it is seen what a file is instead. */
const HEAD_CHARACTERS = 64

function hintOf(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, HEAD_CHARACTERS)).toString('latin1')
  if (head.includes('PRIVATE KEY'))
    return ", but a private one: keep that to yourself, and give what 'gpg --export --armor' writes"
  if (bytes.length > KEY_BLOB_MAX)
    return ": it is too large. 'gpg --export --armor --export-options export-minimal KEY' leaves out what is not needed"
  if (head.startsWith('-----BEGIN PGP PUBLIC KEY'))
    return ' that Perkeep signs with: those are RSA keys of 1024 to 8192 bits'
  return ". A key is what 'gpg --export --armor KEY' writes, or the blob that Perkeep's claims name as camliSigner"
}

/** Whether the key is still nobody's; throws `REFUSED` where it cannot be made the owner's. */
function requireAdoptable({ index: { trust } }: Node, keyId: KeyId): boolean {
  const [device] = trust.devices().filter(known => known.keyId === keyId)
  if (keyId === trust.owner || device)
    throw new PeerkeepError(
      'REFUSED',
      `this is the key of ${device ? `the device ${device.name}` : 'the owner'}: what it signs counts already`,
    )
  if (trust.isRevoked(keyId))
    throw new PeerkeepError(
      'REFUSED',
      "this key was revoked, for good; 'peerkeep disputed' lists what it signed, and --accept makes some of that count",
    )
  return !trust.isOwn(keyId)
}

function requireAdmin({ index: { trust } }: Node, { keyId }: Signer): void {
  if (trust.isAdmin(keyId)) return
  throw new PeerkeepError(
    'NOT_ADMIN',
    'this device is no admin: adopt the key on one that is, or with --words-file FILE',
  )
}

interface Here {
  readonly signed: number
  readonly claims: number
}

/** What is here that the key signed, or says so while the key is not here to verify it. */
async function countHere(node: Node, { keyId, given, canonical }: AdoptedBlob): Promise<Here> {
  const refs: readonly (BlobRef | undefined)[] = [refOf(given), refOf(canonical)]
  const mine = (await node.index.sleeping()).filter(
    known => known.keyId === keyId || (known.keyId === undefined && refs.includes(known.keyRef)),
  )
  const sum = (of: keyof Here): number => mine.reduce((total, known) => total + known[of], 0)
  return { signed: sum('signed'), claims: sum('claims') }
}

function questionOf(keyId: KeyId, { claims }: Here): string {
  return `Make the key ${fingerprintOf(keyId)} yours? ${claims} claims of it are here. They and all that come later count as yours, at once.`
}

/** Claims name the exact blob of their key, so what is stored is that one, and what was given where claims name it. */
async function storeKey(node: Node, { given, canonical }: AdoptedBlob): Promise<void> {
  await node.door.receive(canonical)
  const isNamed = !(await node.index.edgesTo(refOf(given))[Symbol.asyncIterator]().next()).done
  if (isNamed) await node.door.receive(given)
}

async function certify(
  node: Node,
  { keyId, canonical }: AdoptedBlob,
  certifier: Signer,
): Promise<void> {
  const { index, door, system } = node
  const certificate = makeCertificate(
    {
      device: { keyId, keyRef: refOf(canonical) },
      name: `key ${shortKeyId(keyId)}`,
      role: 'adopted',
      permanode: await index.plannedPermanode(devicePermanodeKey(keyId)),
    },
    certifier,
    risingDates(system.clock, await index.latestClaimDate()),
  )
  for (const bytes of [certifier.keyBlob, ...certificate]) await door.receive(bytes)
}
