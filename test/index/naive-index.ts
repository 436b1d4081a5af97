import type { BlobRef } from '../../src/blob/ref.ts'
import { refOf } from '../../src/blob/ref.ts'
import { compareClaims } from '../../src/schema/claim-order.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import type { AttributeClaim, ClaimBody, Nanoseconds } from '../../src/schema/schema-blob.ts'
import { claimIdOf, splitSigned } from '../../src/schema/signed-blob.ts'
import type { KeyId } from '../../src/schema/signer.ts'

/** What is asked of the naive index: which keys act, and which dates are due. */
export interface Rules {
  readonly own: ReadonlySet<KeyId>
  readonly dueUntil: Nanoseconds
}

interface Statement {
  readonly ref: BlobRef
  readonly id: string
  readonly keyId: KeyId
  readonly date: Nanoseconds
  readonly payload: Uint8Array
  /** Undefined for permanodes. */
  readonly body: ClaimBody | undefined
  readonly plannedKey: string | undefined
}

export interface NaiveState {
  readonly ref: BlobRef
  readonly isDeleted: boolean
  readonly attributes: Record<string, string[]>
  readonly modified: Nanoseconds
}

/** The same answers as the index gives, from a list of blobs, with no thought of cost or of order. */
export class NaiveIndex {
  readonly #all: Statement[] = []
  readonly #rules: Rules

  constructor(blobs: Iterable<{ bytes: Uint8Array; keyId: KeyId }>, rules: Rules) {
    this.#rules = rules
    for (const { bytes, keyId } of blobs) {
      const parts = splitSigned(bytes)
      const schema = parseSchema(bytes)
      if (!parts || (schema?.type !== 'claim' && schema?.type !== 'permanode')) continue
      this.#all.push({
        ref: refOf(bytes),
        id: claimIdOf(parts.payload, keyId),
        keyId,
        date: schema.date,
        payload: parts.payload,
        body: schema.type === 'claim' ? schema.claim : undefined,
        plannedKey: schema.type === 'permanode' ? schema.key : undefined,
      })
    }
  }

  permanodeRefs(): BlobRef[] {
    return this.#all.filter(one => !one.body).map(one => one.ref)
  }

  refs(): BlobRef[] {
    return this.#all.map(one => one.ref)
  }

  /** Undefined for a foreign permanode. */
  state(ref: BlobRef, at: Nanoseconds = this.#rules.dueUntil): NaiveState | undefined {
    const members = this.#members(ref)
    const first = members[0]
    if (!first) return undefined
    const refs = new Set(members.map(one => one.ref))
    const claims = this.#claims(body => 'permanode' in body && refs.has(body.permanode))
    const attributes: Record<string, string[]> = {}
    let modified = first.date
    for (const claim of claims.sort(compareClaims)) {
      if (claim.date > at || this.#isDeleted(this.#refs(claim))) continue
      const before = JSON.stringify(attributes)
      apply(attributes, claim.body as AttributeClaim)
      if (JSON.stringify(attributes) === before) continue
      modified = claim.date
    }
    return { ref: first.ref, isDeleted: this.#isDeleted(refs), attributes, modified }
  }

  /** The refs of acting claims that are about `ref`, in order, and whether they are deleted. */
  claims(ref: BlobRef): { ref: BlobRef; isDeleted: boolean }[] {
    const members = this.#members(ref)
    const one = this.#all.find(other => other.ref === ref)
    // A foreign permanode is inert: claims that name it are listed under the very blob.
    const same = this.#all.filter(other => (one?.body ? other.id === one.id : other === one))
    const refs = new Set((members.length > 0 ? members : same).map(other => other.ref))
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

  #members(ref: BlobRef): Statement[] {
    const one = this.#all.find(other => other.ref === ref)
    if (!one || one.body || !this.#rules.own.has(one.keyId)) return []
    const isSame = (other: Statement): boolean =>
      one.plannedKey === undefined ? other.id === one.id : other.plannedKey === one.plannedKey
    return this.#all
      .filter(other => !other.body && this.#rules.own.has(other.keyId) && isSame(other))
      .sort((a, b) => (a.ref < b.ref ? -1 : 1))
  }

  /** Acting claims, each once. */
  #claims(fits: (body: ClaimBody) => boolean): Statement[] {
    const found = new Map<string, Statement>()
    for (const one of this.#all) {
      const acts = this.#rules.own.has(one.keyId) && one.date <= this.#rules.dueUntil
      if (acts && one.body && fits(one.body)) found.set(one.id, one)
    }
    return [...found.values()]
  }

  #refs(claim: Statement): Set<BlobRef> {
    return new Set(this.#all.filter(one => one.id === claim.id).map(one => one.ref))
  }

  #isDeleted(refs: ReadonlySet<BlobRef>): boolean {
    const deletes = this.#claims(body => body.claimType === 'delete' && refs.has(body.target))
    return deletes.some(one => !this.#isDeleted(this.#refs(one)))
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
