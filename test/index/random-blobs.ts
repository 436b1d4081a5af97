import fc from 'fast-check'

import { refOf } from '../../src/blob/ref.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import { makePermanode } from '../../src/schema/claims.ts'
import type { Nanoseconds } from '../../src/schema/schema-blob.ts'
import type { KeyId, Signer } from '../../src/schema/signer.ts'
import { at, attribute, deletion, owner, planned, signerNamed, twinOf } from './index-world.ts'

/** A blob and who signed it; key blobs have no signer to speak of. */
export interface SignedBytes {
  readonly bytes: Uint8Array
  readonly keyId: KeyId
}

export interface RandomBlobs {
  readonly blobs: readonly SignedBytes[]
  readonly own: ReadonlySet<KeyId>
}

const admin = signerNamed('admin')
const device = signerNamed('device')
const stranger = signerNamed('stranger')
const signers: readonly Signer[] = [owner, admin, device, stranger]

/** An hour after the clock's start: not due. */
export const futureDate: Nanoseconds = at(365 * 86_400 + 3600)

const signerIndex = fc.nat({ max: signers.length - 1 })
const pick = fc.nat()
const dateChoice = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 6 }) },
  { weight: 1, arbitrary: fc.constant(-1) },
)

type Action =
  | {
      readonly act: 'attribute'
      readonly who: number
      readonly when: number
      readonly on: number
      readonly type: number
      readonly name: number
      readonly value: number
    }
  | { readonly act: 'delete'; readonly who: number; readonly when: number; readonly target: number }
  | { readonly act: 'twin'; readonly of: number; readonly spaces: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant('attribute' as const),
      who: signerIndex,
      when: dateChoice,
      on: pick,
      type: fc.nat({ max: 3 }),
      name: fc.nat({ max: 1 }),
      value: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('delete' as const),
      who: signerIndex,
      when: dateChoice,
      target: pick,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('twin' as const),
      of: pick,
      spaces: fc.integer({ min: 1, max: 2 }),
    }),
  },
)

const claimTypes = ['set-attribute', 'add-attribute', 'del-attribute', 'del-attribute'] as const
const values = ['a', 'b', '', 'ü"\n']

/** Keys, certificates (or not), permanodes of all sorts, and claims about all that came before. */
export const randomBlobs: fc.Arbitrary<RandomBlobs> = fc
  .record({
    isAdminMade: fc.boolean(),
    isDeviceMade: fc.boolean(),
    actions: fc.array(action, { maxLength: 25 }),
  })
  .map(({ isAdminMade, isDeviceMade, actions }) => {
    const blobs = [...keysAndPermanodes(), ...certificates(isAdminMade, isDeviceMade)]
    const targets = keysAndPermanodes().slice(signers.length)
    for (const one of actions) {
      const made = perform(one, targets)
      blobs.push(made)
      targets.push(made)
    }
    const own = new Set([owner.keyId])
    if (isAdminMade) own.add(admin.keyId)
    if (isAdminMade && isDeviceMade) own.add(device.keyId)
    return { blobs: uniqueOf(blobs), own }
  })

function keysAndPermanodes(): SignedBytes[] {
  const random = Buffer.alloc(20, 7)
  return [
    ...signers.map(({ keyBlob, keyId }) => ({ bytes: keyBlob, keyId })),
    ...signers.map(signer => ({ bytes: planned('album', signer), keyId: signer.keyId })),
    { bytes: makePermanode({ random }, owner, at(2)), keyId: owner.keyId },
    { bytes: makePermanode({ random }, device, at(2)), keyId: device.keyId },
  ]
}

function certificates(isAdminMade: boolean, isDeviceMade: boolean): SignedBytes[] {
  let date = 100
  const nextDate = (): Nanoseconds => at(date++)
  const made: SignedBytes[] = []
  if (isAdminMade) {
    const blobs = makeCertificate({ device: admin, name: 'admin', role: 'admin' }, owner, nextDate)
    made.push(...blobs.map(bytes => ({ bytes, keyId: owner.keyId })))
  }
  if (isDeviceMade) {
    const blobs = makeCertificate({ device, name: 'device', role: 'device' }, admin, nextDate)
    made.push(...blobs.map(bytes => ({ bytes, keyId: admin.keyId })))
  }
  return made
}

function perform(one: Action, targets: readonly SignedBytes[]): SignedBytes {
  const chosen = (index: number): SignedBytes => targets[index % targets.length] as SignedBytes
  if (one.act === 'twin') {
    const { bytes, keyId } = chosen(one.of)
    return { bytes: twinOf(bytes, one.spaces), keyId }
  }
  const signer = signers[one.who] as Signer
  const date = one.when < 0 ? futureDate : at(one.when)
  if (one.act === 'delete') {
    return { bytes: deletion(refOf(chosen(one.target).bytes), signer, date), keyId: signer.keyId }
  }
  // Mostly on the permanodes, but a claim may name anything.
  const permanode = refOf(
    (one.on % 7 === 0 ? chosen(one.on) : (targets[one.on % 6] as SignedBytes)).bytes,
  )
  const value = one.type === 3 ? undefined : values[one.value]
  const bytes = attribute(permanode, [one.name === 0 ? 'tag' : 'title', value], {
    signer,
    date,
    claimType: claimTypes[one.type] as (typeof claimTypes)[number],
  })
  return { bytes, keyId: signer.keyId }
}

function uniqueOf(blobs: readonly SignedBytes[]): SignedBytes[] {
  return [...new Map(blobs.map(blob => [refOf(blob.bytes), blob])).values()]
}
