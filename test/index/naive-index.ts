import type { BlobRef } from '../../src/blob/ref.ts'
import { compareClaims } from '../../src/schema/claim-order.ts'
import type { AttributeClaim, ClaimBody, Nanoseconds } from '../../src/schema/schema-blob.ts'
import type { KeyId } from '../../src/schema/signer.ts'
import { type NaiveBlobs, type SignedBytes, type Statement, readNaively } from './naive-blobs.ts'
import { type NaiveTrust, naiveTrust } from './naive-trust.ts'

/** What is asked of the naive index: whose word counts first, and which dates are due. */
export interface Rules {
  readonly owner: KeyId
  readonly dueUntil: Nanoseconds
}

export interface NaiveState {
  readonly ref: BlobRef
  readonly isDeleted: boolean
  readonly attributes: Record<string, string[]>
  readonly modified: Nanoseconds
}

export interface NaiveDevice {
  readonly keyId: KeyId
  readonly role: string
  readonly name: string
  readonly isRevoked: boolean
  readonly isRetired: boolean
}

/** The same answers as the index gives, from a list of blobs, with no thought of cost or of order. */
export class NaiveIndex {
  readonly #blobs: NaiveBlobs
  readonly #all: readonly Statement[]
  readonly #rules: Rules
  readonly #trust: NaiveTrust

  constructor(blobs: Iterable<SignedBytes>, rules: Rules) {
    this.#rules = rules
    this.#blobs = readNaively(blobs)
    this.#all = this.#blobs.statements
    this.#trust = naiveTrust(this.#blobs, rules.owner)
  }

  permanodeRefs(): BlobRef[] {
    return this.#all.filter(one => !one.body).map(one => one.ref)
  }

  refs(): BlobRef[] {
    return this.#all.map(one => one.ref)
  }

  isOwn(key: KeyId): boolean {
    return key === this.#rules.owner || this.#trust.roles.has(key)
  }

  isRevoked(key: KeyId): boolean {
    return this.#trust.listed.has(key)
  }

  isAdmin(key: KeyId): boolean {
    if (key === this.#rules.owner) return true
    return this.#trust.admins.includes(key) && !this.isRevoked(key)
  }

  /** The refs of the compared set `claims`. */
  members(): BlobRef[] {
    const members = this.#all.filter(one => this.#isSent(one)).map(one => one.ref)
    return [...members, ...this.#blobs.keys].sort()
  }

  signedBy(key: KeyId): BlobRef[] {
    const mine = this.#all.filter(one => one.keyId === key && this.#isSent(one))
    return mine.map(one => one.ref).sort()
  }

  mayStore(key: KeyId, ref: BlobRef): boolean {
    if (this.#trust.named.has(ref)) return true
    return this.isOwn(key) && (this.#trust.listed.get(key)?.has(ref) ?? true)
  }

  disputed(): BlobRef[] {
    const disputed = this.#all.filter(one => this.isOwn(one.keyId) && !this.#isSent(one))
    return disputed.map(one => one.ref).sort()
  }

  devices(): NaiveDevice[] {
    const roles = [...this.#trust.roles].filter(([, role]) => role !== 'adopted')
    return roles
      .map(([keyId, role]) => {
        const permanode = this.#all.find(
          one => one.plannedKey === `peerkeep:device:${keyId}` && this.#isMember(one),
        )
        const said = permanode && this.state(permanode.ref)?.attributes
        const { admins } = this.#trust
        const byAdmin = (key: KeyId): boolean => key === this.#rules.owner || admins.includes(key)
        const ofAdmins = permanode && this.state(permanode.ref, undefined, byAdmin)?.attributes
        return {
          keyId,
          role,
          name: said?.['title']?.[0] ?? keyId,
          isRevoked: this.isRevoked(keyId),
          isRetired: ofAdmins?.['peerkeepRetired']?.[0] === 'true',
        }
      })
      .sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
  }

  /** Undefined for a permanode that does not count. `counts` narrows whose claims do. */
  state(
    ref: BlobRef,
    at: Nanoseconds = this.#rules.dueUntil,
    counts: (key: KeyId) => boolean = () => true,
  ): NaiveState | undefined {
    const members = this.#members(ref)
    const first = members[0]
    if (!first) return undefined
    const refs = new Set(members.map(one => one.ref))
    const claims = this.#claims(body => 'permanode' in body && refs.has(body.permanode), counts)
    const attributes: Record<string, string[]> = {}
    let modified = first.date
    for (const claim of claims.sort(compareClaims)) {
      if (claim.date > at || this.#isDeleted(this.#refs(claim), counts)) continue
      const before = JSON.stringify(attributes)
      apply(attributes, claim.body as AttributeClaim)
      if (JSON.stringify(attributes) === before) continue
      modified = claim.date
    }
    return { ref: first.ref, isDeleted: this.#isDeleted(refs, counts), attributes, modified }
  }

  /** The refs of acting claims that are about `ref`, in order, and whether they are deleted. */
  claims(ref: BlobRef): { ref: BlobRef; isDeleted: boolean }[] {
    const members = this.#members(ref).map(other => other.ref)
    const refs = new Set(members.length > 0 ? members : this.#same(ref))
    return this.#claims(
      body =>
        ('permanode' in body && refs.has(body.permanode)) ||
        (body.claimType === 'delete' && refs.has(body.target)),
    )
      .sort(compareClaims)
      .map(claim => ({
        ref: [...this.#refs(claim)].sort()[0] ?? claim.ref,
        isDeleted: this.#isDeleted(this.#refs(claim)),
      }))
  }

  /** Blobs that are the same claim; what does not count is for itself. */
  #same(ref: BlobRef): BlobRef[] {
    const one = this.#all.find(other => other.ref === ref)
    if (!one?.body) return [ref]
    const isOne = (other: Statement): boolean => other.id === one.id
    const same = this.#all
      .filter(other => isOne(other) && this.#stays(other))
      .map(({ ref: r }) => r)
    return same.includes(ref) ? same : [ref]
  }

  #stays({ keyId, ref }: Statement): boolean {
    return this.#trust.listed.get(keyId)?.has(ref) ?? true
  }

  /** Also what does not count, and yet says whom a certificate means. */
  #isSent(one: Statement): boolean {
    return this.#isMember(one) || this.#trust.named.has(one.ref)
  }

  #isMember(one: Statement): boolean {
    return this.isOwn(one.keyId) && this.#stays(one)
  }

  #members(ref: BlobRef): Statement[] {
    const one = this.#all.find(other => other.ref === ref)
    if (!one || one.body || !this.#isMember(one)) return []
    const isSame = (other: Statement): boolean =>
      one.plannedKey === undefined ? other.id === one.id : other.plannedKey === one.plannedKey
    return this.#all
      .filter(other => !other.body && this.#isMember(other) && isSame(other))
      .sort((a, b) => (a.ref < b.ref ? -1 : 1))
  }

  /** Acting claims, each once. */
  #claims(
    fits: (body: ClaimBody) => boolean,
    counts: (key: KeyId) => boolean = () => true,
  ): Statement[] {
    const found = new Map<string, Statement>()
    for (const one of this.#all) {
      const acts = this.#isMember(one) && counts(one.keyId) && one.date <= this.#rules.dueUntil
      if (acts && one.body && fits(one.body)) found.set(one.id, one)
    }
    return [...found.values()]
  }

  #refs(claim: Statement): Set<BlobRef> {
    const same = this.#all.filter(one => one.id === claim.id && this.#isMember(one))
    return new Set(same.map(one => one.ref))
  }

  #isDeleted(refs: ReadonlySet<BlobRef>, counts?: (key: KeyId) => boolean): boolean {
    const deletes = this.#claims(
      body => body.claimType === 'delete' && refs.has(body.target),
      counts,
    )
    return deletes.some(one => !this.#isDeleted(this.#refs(one), counts))
  }
}

function apply(attributes: Record<string, string[]>, claim: AttributeClaim): void {
  const { claimType, attribute, value } = claim
  const before = attributes[attribute] ?? []
  const after =
    claimType === 'del-attribute'
      ? before.filter(known => value !== undefined && known !== value)
      : claimType === 'set-attribute'
        ? [value ?? ''].filter(known => known !== '')
        : [...new Set([...before, value ?? ''])].filter(known => known !== '')
  if (after.length > 0) attributes[attribute] = after
  else delete attributes[attribute]
}
