import type { BlobRef } from '../../src/blob/ref.ts'
import type { KeyId } from '../../src/schema/signer.ts'
import type { NaiveBlobs, Statement } from './naive-blobs.ts'

/** Whose keys act, and what stays valid of those that are revoked. */
export interface NaiveTrust {
  readonly roles: ReadonlyMap<KeyId, string>
  /** Of revoked keys: the blobs that stay valid, here or not. */
  readonly listed: ReadonlyMap<KeyId, ReadonlySet<BlobRef>>
  readonly admins: readonly KeyId[]
  /** The permanodes that the claims which stand are about, here or not. */
  readonly named: ReadonlySet<BlobRef>
}

const ranks = ['adopted', 'device', 'admin']

/** Reads the rules off the page: the owner, then admins, then devices. */
export function naiveTrust(blobs: NaiveBlobs, owner: KeyId): NaiveTrust {
  const roles = new Map<KeyId, string>()
  const listed = new Map<KeyId, Set<BlobRef>>()
  const admit = (one: About): void => {
    const known = ranks.indexOf(roles.get(one.device) ?? '')
    if (ranks.indexOf(one.value) > known) roles.set(one.device, one.value)
  }
  const revoke = (one: About): void => {
    const all = listed.get(one.device) ?? new Set()
    listed.set(one.device, new Set([...all, ...membersOf(blobs, one.value as BlobRef)]))
  }
  const said = trustClaims(blobs)
  const about = said.filter(one => one.device !== undefined && one.device !== owner) as About[]
  const ofOwner = about.filter(one => one.claim.keyId === owner)
  ofOwner.filter(one => one.what === 'peerkeepRole').forEach(admit)
  ofOwner.filter(one => one.what === 'peerkeepRevoked').forEach(revoke)
  const admins = [...roles].filter(([, role]) => role === 'admin').map(([key]) => key)
  const stands = ({ claim }: Said): boolean => {
    if (claim.keyId === owner) return true
    if (!admins.includes(claim.keyId)) return false
    const stays = listed.get(claim.keyId)
    return !stays || blobs.statements.some(one => one.id === claim.id && stays.has(one.ref))
  }
  const ofAdmins = about.filter(one => one.claim.keyId !== owner && stands(one))
  ofAdmins.filter(one => one.what === 'peerkeepRole' && one.value !== 'admin').forEach(admit)
  ofAdmins
    .filter(one => one.what === 'peerkeepRevoked' && roles.has(one.device))
    .filter(one => !admins.includes(one.device))
    .forEach(revoke)
  return { roles, listed, admins, named: new Set(said.filter(stands).map(one => one.permanode)) }
}

interface Said {
  readonly claim: Statement
  readonly permanode: BlobRef
  readonly device: KeyId | undefined
  readonly what: string
  readonly value: string
}

interface About extends Said {
  readonly device: KeyId
}

function trustClaims({ statements }: NaiveBlobs): Said[] {
  return statements.flatMap(claim => {
    const { body } = claim
    if (!body || !('attribute' in body) || body.claimType === 'del-attribute') return []
    const permanode = statements.find(one => one.ref === body.permanode)
    const device = /^peerkeep:device:(.*)$/.exec(permanode?.plannedKey ?? '')?.[1]
    const { attribute: what, value = '' } = body
    const isRole = what === 'peerkeepRole' && body.claimType === 'set-attribute'
    const isMeant =
      (isRole && ranks.includes(value)) || (what === 'peerkeepRevoked' && value !== '')
    const said = { claim, permanode: body.permanode, device: device as KeyId, what, value }
    return isMeant ? [said] : []
  })
}

function membersOf({ sets }: NaiveBlobs, top: BlobRef): BlobRef[] {
  const set = sets.get(top)
  if (!set) return []
  return [
    ...(set.members ?? []),
    ...(set.mergeSets ?? []).flatMap(sub => membersOf({ sets } as NaiveBlobs, sub)),
  ]
}
