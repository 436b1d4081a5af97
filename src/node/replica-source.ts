import { PeerkeepError } from '../base/errors.ts'
import type { Door } from '../blob/receive.ts'
import { type BlobRef, isBlobRef, refOf } from '../blob/ref.ts'
import type { BlobStore } from '../blob/store.ts'
import type { Index } from '../index/queries.ts'
import type { Arrival, MemberChange, ReplicaSource } from '../peer/source.ts'
import { readKeyBlob } from '../schema/key-blob.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import { REVOKED_ATTRIBUTE } from '../schema/well-known.ts'
import type { KeyId } from '../schema/signer.ts'
import { splitSigned, type Verify, verifySigned } from '../schema/signed-blob.ts'
import type { Arrivals } from './arrivals.ts'
import type { ClaimQuota } from './claim-quota.ts'

/** The parts of a node that replication works on. */
export interface ReplicaParts {
  readonly store: Pick<BlobStore, 'fetch' | 'stat'>
  readonly door: Door
  /** The index of the moment: another one after a reindex. */
  readonly index: () => Index
  readonly arrivals: Arrivals
  readonly onMembers: (listener: (changes: readonly MemberChange[]) => void) => () => void
  /** Bytes that may be stored before the disk is full up to the reserve. */
  readonly room: () => Promise<number>
  readonly quota: ClaimQuota
  /** Another way to verify signatures than the usual one. */
  readonly verify?: Verify
}

/** What replication needs of a node. */
export function replicaSource(parts: ReplicaParts): ReplicaSource {
  const { store, door, index, arrivals, room, onMembers, quota } = parts
  const keys = openKeyBlobs(store)
  return {
    enumerate: set => index().enumerateMeta(set),
    onMembers,
    fetch: (ref, room) => store.fetch(ref, room),
    stat: refs => store.stat(refs),
    async take(arrival) {
      const { from, bytes, ref } = arrival
      const kind = await kindOf({ ...parts, keys }, arrival)
      if (kind === 'refused') return false
      const { isNew } = await door.receive(bytes, ref)
      if (kind === 'signed' && isNew) quota.note(from)
      return true
    },
    async settled() {
      await arrivals.settled()
      await index().catchUp()
    },
    async *wants() {
      for await (const { needed } of index().missing()) yield needed
    },
    room,
  }
}

/**
 * A revocation is taken after the list of what it leaves valid: between the two, nothing that the device signed would
 * count, as if all of it were disputed.
 */
async function hasItsList(store: ReplicaParts['store'], bytes: Uint8Array): Promise<boolean> {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(REVOKED_ATTRIBUTE))
    return true
  const schema = parseSchema(bytes)
  const claim = schema?.type === 'claim' ? schema.claim : undefined
  if (!claim || !('attribute' in claim) || claim.attribute !== REVOKED_ATTRIBUTE) return true
  const { value } = claim
  return !isBlobRef(value) || (await store.stat([value]))[0] !== undefined
}

/** A key and its blob, undefined where that is not here, or is none. */
type KeyBlobs = (
  ref: BlobRef,
) => Promise<{ readonly keyId: KeyId; readonly bytes: Uint8Array } | undefined>

/** Key blobs held ready: an owner has a few devices, and thousands of claims of each. */
const KEY_BLOBS_MAX = 64

function openKeyBlobs(store: ReplicaParts['store']): KeyBlobs {
  const known = new Map<BlobRef, { readonly keyId: KeyId; readonly bytes: Uint8Array }>()
  return async ref => {
    const held = known.get(ref)
    if (held) return held
    // A key that is damaged here comes again, and then what it signed is taken.
    const bytes = await store.fetch(ref).catch(() => undefined)
    const key = bytes && readKeyBlob(bytes)
    if (!key) return undefined
    if (known.size >= KEY_BLOBS_MAX) known.clear()
    const found = { keyId: key.keyId, bytes }
    known.set(ref, found)
    return found
  }
}

const OPENING_BRACE = 0x7b

/** Whatever a blob was asked for as: what is signed is stored only where the signature is right and its key counts. */
async function kindOf(
  { keys, store, index, quota, verify = verifySigned }: ReplicaParts & { readonly keys: KeyBlobs },
  { from, set, bytes, ref }: Arrival,
): Promise<'signed' | 'plain' | 'refused'> {
  // Most of what comes is no JSON at all.
  const signed = bytes[0] === OPENING_BRACE ? splitSigned(bytes) : undefined
  if (!signed) return set !== 'claims' || readKeyBlob(bytes) !== undefined ? 'plain' : 'refused'
  if (quota.isSpent(from)) return 'refused'
  const key = await keys(signed.signer)
  // Before the signature, which costs a hundred times as much.
  if (!key || !(await index().mayStore(key.keyId, ref ?? refOf(bytes)))) return 'refused'
  if (!(await hasItsList(store, bytes))) return 'refused'
  return verify(signed, key.bytes).then(
    () => 'signed',
    (error: unknown) => {
      if (error instanceof PeerkeepError) return 'refused'
      throw error
    },
  )
}
