import fc from 'fast-check'

import { refOf } from '../../src/blob/ref.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import { makePermanode } from '../../src/schema/claims.ts'
import type { Nanoseconds } from '../../src/schema/schema-blob.ts'
import type { Signer } from '../../src/schema/signer.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { devicePermanodeKey } from '../../src/schema/well-known.ts'
import { at, attribute, deletion, owner, planned, signerNamed, twinOf } from './index-world.ts'
import type { SignedBytes } from './naive-blobs.ts'

const admin = signerNamed('admin')
const device = signerNamed('device')
const second = signerNamed('second')
const phone = signerNamed('phone')
const stranger = signerNamed('stranger')

/** Those whom the trees below are about, the likely ones first. */
export const signers: readonly Signer[] = [owner, admin, device, second, phone, stranger]

/** An hour after the clock's start: not due. */
export const futureDate: Nanoseconds = at(365 * 86_400 + 3600)

const signerIndex = fc.nat({ max: signers.length - 1 })
/** Mostly those who may do it. */
const adminIndex = fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3, 4, 5)
/** Mostly those about whom there is something to say. */
const whomIndex = fc.constantFrom(0, 1, 1, 1, 2, 2, 2, 3, 4, 5)
const pick = fc.nat()
const dateChoice = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 6 }) },
  { weight: 1, arbitrary: fc.constant(-1) },
)

const actions = {
  attribute: fc.record({
    who: signerIndex,
    when: dateChoice,
    on: pick,
    type: fc.nat({ max: 3 }),
    name: fc.nat({ max: 1 }),
    value: fc.nat({ max: 3 }),
  }),
  deletion: fc.record({ who: signerIndex, when: dateChoice, target: pick }),
  twin: fc.record({ of: pick, spaces: fc.integer({ min: 1, max: 2 }) }),
  certify: fc.record({ by: adminIndex, whom: whomIndex, role: fc.nat({ max: 2 }) }),
  revoke: fc.record({
    by: adminIndex,
    whom: whomIndex,
    /** Whose permanode it stands on. */
    on: signerIndex,
    /** Which of the blobs so far stay valid, a bit each. */
    stays: fc.nat({ max: 0xffff }),
    isAdded: fc.boolean(),
  }),
  retire: fc.record({ by: adminIndex, whom: whomIndex, isTrue: fc.boolean() }),
}

type Actions = {
  [Name in keyof typeof actions]: (typeof actions)[Name] extends fc.Arbitrary<infer Fields>
    ? Fields
    : never
}
type Action = { [Name in keyof Actions]: { readonly act: Name } & Actions[Name] }[keyof Actions]

/** Actions of some kinds, each as often as its weight says. */
function anyOf(weights: Partial<Record<keyof Actions, number>>): fc.Arbitrary<Action> {
  const kinds = Object.entries(weights) as [keyof Actions, number][]
  return fc.oneof(
    ...kinds.map(([act, weight]) => ({
      weight,
      arbitrary: (actions[act] as fc.Arbitrary<object>).map(
        fields => ({ act, ...fields }) as Action,
      ),
    })),
  )
}

const doings = fc.array(anyOf({ attribute: 6, deletion: 3, twin: 3 }), { maxLength: 12 })
const rulings = fc.array(anyOf({ certify: 2, revoke: 3, retire: 1, twin: 1 }), { maxLength: 4 })

const claimTypes = ['set-attribute', 'add-attribute', 'del-attribute', 'del-attribute'] as const
const values = ['a', 'b', '', 'ü"\n']
const roles = ['admin', 'device', 'adopted'] as const

/** Keys, certificates (or not), permanodes of all sorts, and claims about all that came before. */
export const randomBlobs: fc.Arbitrary<readonly SignedBytes[]> = fc
  .record({
    isAdminMade: fc.constantFrom(true, true, true, false),
    isDeviceMade: fc.constantFrom(true, true, true, false),
    turns: fc.tuple(doings, rulings, doings, rulings),
  })
  .map(({ isAdminMade, isDeviceMade, turns }) => {
    const blobs = [...keysAndPermanodes()]
    if (isAdminMade) blobs.push(...certificate({ by: owner, whom: admin, role: 'admin' }))
    if (isDeviceMade) blobs.push(...certificate({ by: admin, whom: device, role: 'device' }))
    for (const one of turns.flat()) blobs.push(...perform(one, blobs.slice(signers.length)))
    return uniqueOf(blobs)
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

const permanodeCount = keysAndPermanodes().length - signers.length

function certificate({
  by,
  whom,
  role,
}: {
  readonly by: Signer
  readonly whom: Signer
  readonly role: (typeof roles)[number]
}): SignedBytes[] {
  let date = 100 + signers.indexOf(by) * 10
  const nextDate = (): Nanoseconds => at(date++)
  const made = makeCertificate({ device: whom, name: `by ${by.keyId}`, role }, by, nextDate)
  return made.map(bytes => ({ bytes, keyId: by.keyId }))
}

/** What `one` adds to what there is. */
function perform(one: Action, there: readonly SignedBytes[]): SignedBytes[] {
  const chosen = (index: number): SignedBytes => there[index % there.length] as SignedBytes
  switch (one.act) {
    case 'twin': {
      const { bytes, keyId } = chosen(one.of)
      return [{ bytes: twinOf(bytes, one.spaces), keyId }]
    }
    case 'deletion': {
      const { signer, date } = signing(one)
      return [
        { bytes: deletion(refOf(chosen(one.target).bytes), signer, date), keyId: signer.keyId },
      ]
    }
    case 'attribute': {
      // Mostly on the permanodes, but a claim may name anything.
      const on = chosen(one.on % 7 === 0 ? one.on : one.on % permanodeCount)
      const { signer, date } = signing(one)
      const value = one.type === 3 ? undefined : values[one.value]
      const claimType = claimTypes[one.type] as (typeof claimTypes)[number]
      const said = [one.name === 0 ? 'tag' : 'title', value] as const
      return [
        {
          bytes: attribute(refOf(on.bytes), said, { signer, date, claimType }),
          keyId: signer.keyId,
        },
      ]
    }
    case 'certify':
      return certificate({
        by: signers[one.by] as Signer,
        whom: signers[one.whom] as Signer,
        role: roles[one.role] as (typeof roles)[number],
      })
    case 'revoke':
      return revocation(one, there)
    case 'retire':
      return onDevice(one, ['peerkeepRetired', one.isTrue ? 'true' : ''])
  }
}

function signing({ who, when }: { readonly who: number; readonly when: number }): {
  readonly signer: Signer
  readonly date: Nanoseconds
} {
  return { signer: signers[who] as Signer, date: when < 0 ? futureDate : at(when) }
}

/** The set is split small, so that parts of it come apart. */
function revocation(one: Actions['revoke'], there: readonly SignedBytes[]): SignedBytes[] {
  const whom = signers[one.whom] as Signer
  const signed = there.filter(({ keyId }) => keyId === whom.keyId)
  const stays = signed.filter((_, i) => ((one.stays >> (i % 16)) & 1) === 1)
  const { top, blobs } = writeStaticSet(
    stays.map(({ bytes }) => refOf(bytes)),
    3,
  )
  // What is nobody's must not look like a blob of the revoked key.
  const sets = blobs.map(bytes => ({ bytes, keyId: owner.keyId }))
  return [...sets, ...onDevice(one, ['peerkeepRevoked', top])]
}

function onDevice(
  one: { by: number; whom: number; on?: number; isAdded?: boolean },
  said: readonly [string, string],
): SignedBytes[] {
  const signer = signers[one.by] as Signer
  const maker = signers[one.on ?? one.by] as Signer
  const permanode = planned(devicePermanodeKey((signers[one.whom] as Signer).keyId), maker)
  const claimType = one.isAdded === true ? 'add-attribute' : 'set-attribute'
  const claim = attribute(refOf(permanode), said, { signer, date: at(7), claimType })
  return [
    { bytes: permanode, keyId: maker.keyId },
    { bytes: claim, keyId: signer.keyId },
  ]
}

function uniqueOf(blobs: readonly SignedBytes[]): SignedBytes[] {
  return [...new Map(blobs.map(blob => [refOf(blob.bytes), blob])).values()]
}
