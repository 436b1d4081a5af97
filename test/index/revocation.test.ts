import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { makeRetirement, makeRevocation } from '../../src/schema/certificates.ts'
import { makeFacts } from '../../src/schema/claims.ts'
import type { Nanoseconds } from '../../src/schema/schema-blob.ts'
import { writeStaticSet } from '../../src/schema/static-set.ts'
import { devicePermanodeKey } from '../../src/schema/well-known.ts'
import {
  certificate,
  desktop,
  disputed,
  laptop,
  members,
  nas,
  nextDate,
  openFamily,
  revocation,
  signedBy,
  stranger,
  titleOf,
} from './family.ts'
import {
  at,
  attribute,
  deletion,
  owner,
  planned,
  refsOf,
  signerNamed,
  twinOf,
} from './index-world.ts'

test('a stolen laptop that goes on signing, also with old dates, changes nothing', async () => {
  const { index, add, album, title } = await openFamily()
  await add(...revocation(laptop, [title], desktop))
  assert.equal(await titleOf(index, album), 'Summer')
  const before = await members(index)
  const forged = [
    attribute(album, ['title', 'Mine'], { signer: laptop, date: at(11) }),
    attribute(album, ['title', 'Older'], { signer: laptop, date: at(1) }),
    attribute(album, ['title', 'Newest'], { signer: laptop, date: at(5000) }),
    deletion(album, laptop, at(12)),
    deletion(refOf(title), laptop, at(12)),
    planned('another album', laptop),
    ...certificate(stranger, 'device', laptop),
  ]
  for (const blob of forged) {
    await add(blob)
    assert.equal(await titleOf(index, album), 'Summer')
  }
  assert.equal((await index.permanode(album))?.isDeleted, false)
  assert.equal(await index.plannedPermanode('another album'), undefined)
  assert.equal(index.trust.isOwn(stranger.keyId), false)
  assert.deepEqual(await members(index), before)
  assert.deepEqual(await disputed(index), refsOf(forged).sort())
  for (const ref of refsOf(forged)) assert.equal(await index.mayStore(laptop.keyId, ref), false)
  assert.equal(await index.mayStore(laptop.keyId, refOf(title)), true)
})

test('a revocation that had not seen all loses nothing: a second one brings back what it lists', async () => {
  const { index, add, album, title } = await openFamily()
  const unseen = attribute(album, ['title', 'Autumn'], { signer: laptop, date: at(20) })
  const place = planned('place', laptop)
  await add(unseen, place)
  await add(...revocation(laptop, [title], desktop))
  assert.equal(await titleOf(index, album), 'Summer')
  const list = await Array.fromAsync(index.disputed())
  assert.deepEqual(
    list,
    [
      { ref: refOf(unseen), signer: laptop.keyId, date: at(20), about: album },
      { ref: refOf(place), signer: laptop.keyId, date: at(0), about: undefined },
    ].sort((a, b) => (a.ref < b.ref ? -1 : 1)),
  )
  assert.ok(await index.meta(refOf(unseen)))
  await add(...revocation(laptop, [unseen, place], desktop))
  assert.equal(await titleOf(index, album), 'Autumn')
  assert.equal(await index.plannedPermanode('place'), refOf(place))
  assert.deepEqual(await disputed(index), [])
  assert.deepEqual(
    (await signedBy(index, laptop.keyId)).sort(),
    refsOf([title, unseen, place]).sort(),
  )
})

test('what is listed acts also when it comes later than the revocation, and its list later than both', async () => {
  const { index, add, album, title } = await openFamily()
  const late = attribute(album, ['title', 'Autumn'], { signer: laptop, date: at(20) })
  const [list, ...claim] = revocation(laptop, [title, late], desktop)
  await add(...claim)
  assert.equal(await titleOf(index, album), undefined)
  assert.equal(index.trust.isRevoked(laptop.keyId), true)
  assert.ok(list)
  await add(list)
  assert.equal(await titleOf(index, album), 'Summer')
  await add(late)
  assert.equal(await titleOf(index, album), 'Autumn')
})

test('a list of a list is read to its end, also when a piece of it comes last', async () => {
  const { index, add, album, title } = await openFamily()
  const some = Array.from({ length: 40 }, (_, i) => refOf(Buffer.from(String(i))))
  const { top, blobs } = writeStaticSet([...some, refOf(title)], 3)
  const permanode = planned(devicePermanodeKey(laptop.keyId), desktop)
  const claim = attribute(refOf(permanode), ['peerkeepRevoked', top], {
    signer: desktop,
    date: nextDate(),
  })
  const last = blobs.findLastIndex(bytes => String(bytes).includes(refOf(title)))
  await add(permanode, claim, ...blobs.toSpliced(last, 1))
  assert.equal(await titleOf(index, album), undefined)
  await add(blobs[last] ?? assert.fail('in no set'))
  assert.equal(await titleOf(index, album), 'Summer')
})

test('a twin of a listed claim is no member and changes nothing; a listed twin makes its claim stay', async () => {
  const { index, add, album, title } = await openFamily()
  const other = attribute(album, ['tag', 'sea'], { signer: laptop, date: at(21) })
  await add(other, twinOf(other, 1))
  await add(...revocation(laptop, [title, twinOf(other, 1)], desktop))
  assert.deepEqual([...((await index.permanode(album))?.attributes.get('tag') ?? [])], ['sea'])
  assert.deepEqual(await disputed(index), [refOf(other)])
  const before = await members(index)
  await add(twinOf(title, 1), twinOf(title, 2))
  assert.deepEqual(await members(index), before)
  assert.equal(await titleOf(index, album), 'Summer')
  const shown = await Array.fromAsync(index.claims(album), claim => claim.ref)
  assert.deepEqual(shown, refsOf([title, twinOf(other, 1)]))
})

test('a delete that names only a twin which is not listed deletes nothing: others do not have it', async () => {
  const { index, add, album, title } = await openFamily()
  const twin = twinOf(title, 1)
  await add(twin, deletion(refOf(twin), desktop, at(30)))
  assert.equal(await titleOf(index, album), undefined)
  await add(...revocation(laptop, [title], desktop))
  assert.equal(await titleOf(index, album), 'Summer')
})

test('facts of a revoked device are believed where they are listed', async () => {
  const { index, add } = await openFamily()
  const file = refOf(Buffer.from('file'))
  const factOf = (size: number, date: Nanoseconds): Uint8Array =>
    makeFacts([{ file, wholeRef: file, size }], laptop, date)[0] ?? assert.fail('no facts')
  const [old, forged] = [factOf(1, at(5)), factOf(2, at(6))]
  await add(old, twinOf(forged, 1), forged)
  assert.equal((await index.facts(file))?.size, 2)
  await add(...revocation(laptop, [twinOf(old, 1)], desktop))
  assert.equal(await index.facts(file), undefined)
  await add(twinOf(old, 1))
  assert.equal((await index.facts(file))?.size, 1)
})

test('of what a revoked admin said of others, only what is listed stands', async () => {
  const { index, add, album, title } = await openFamily()
  const thrownOut = revocation(laptop, [title], desktop)
  const made = certificate(stranger, 'device', desktop)
  const spite = revocation(nas, [], desktop)
  await add(...thrownOut, ...made, ...spite)
  assert.equal(index.trust.isRevoked(nas.keyId), true)
  assert.equal(index.trust.isOwn(stranger.keyId), true)
  const good = (await signedBy(index, desktop.keyId)).filter(
    ref => !refsOf([...made, ...spite]).includes(ref),
  )
  await add(...makeRevocation({ device: desktop.keyId, stays: good }, owner, nextDate))
  assert.equal(index.trust.isAdmin(desktop.keyId), false)
  assert.equal(index.trust.isRevoked(nas.keyId), false)
  assert.equal(index.trust.isOwn(stranger.keyId), false)
  assert.equal(index.trust.isRevoked(laptop.keyId), true)
  assert.equal(await titleOf(index, album), 'Summer')
  // What it says from now on is nothing, whatever date it bears.
  await add(...makeRevocation({ device: nas.keyId, stays: [] }, desktop, () => at(3)))
  assert.equal(index.trust.isRevoked(nas.keyId), false)
  // Until the owner says that it is.
  await add(...revocation(desktop, spite, owner))
  assert.equal(index.trust.isRevoked(nas.keyId), true)
})

test('a certificate by a revoked admin stands from when the blob of it comes that is listed', async () => {
  const { index, add } = await openFamily()
  const made = certificate(stranger, 'device', desktop)
  await add(...made)
  const stays = made.toSpliced(-1, 1, twinOf(made.at(-1) ?? assert.fail('nothing made'), 1))
  await add(...revocation(desktop, stays, owner))
  assert.equal(index.trust.isOwn(stranger.keyId), false)
  await add(...stays)
  assert.equal(index.trust.isOwn(stranger.keyId), true)
})

test('when an admin is thrown out, what its revocation listed lists nothing any more', async () => {
  const { index, add, album, title } = await openFamily()
  const newer = attribute(album, ['title', 'Autumn'], { signer: laptop, date: at(20) })
  await add(newer, ...revocation(laptop, [title], owner))
  const made = revocation(laptop, [newer], desktop)
  await add(...made)
  assert.equal(await titleOf(index, album), 'Autumn')
  const good = (await signedBy(index, desktop.keyId)).filter(ref => !refsOf(made).includes(ref))
  await add(...makeRevocation({ device: desktop.keyId, stays: good }, owner, nextDate))
  assert.equal(await titleOf(index, album), 'Summer')
  assert.equal(await index.mayStore(laptop.keyId, refOf(newer)), false)
  assert.ok((await disputed(index)).includes(refOf(newer)))
})

test('only the owner throws an admin out, and nobody the owner', async () => {
  const { index, add, album } = await openFamily()
  const studio = signerNamed('studio')
  const title = attribute(album, ['title', 'By the owner'], { signer: owner, date: at(40) })
  await add(studio.keyBlob, title, ...certificate(studio, 'admin', owner))
  await add(
    ...revocation(studio, [], desktop),
    ...revocation(desktop, [], desktop),
    ...revocation(owner, [], desktop),
    ...revocation(owner, [], owner),
  )
  assert.equal(index.trust.isAdmin(studio.keyId), true)
  assert.equal(index.trust.isAdmin(desktop.keyId), true)
  assert.equal(index.trust.isRevoked(owner.keyId), false)
  assert.equal(await titleOf(index, album), 'By the owner')
  await add(...revocation(studio, [], owner))
  assert.equal(index.trust.isAdmin(studio.keyId), false)
  assert.equal(index.trust.isOwn(studio.keyId), true)
})

test('revocations and retirements by devices and strangers are nothing', async () => {
  const { index, add, album } = await openFamily()
  for (const by of [nas, stranger]) {
    await add(
      ...revocation(laptop, [], by),
      ...revocation(desktop, [], by),
      ...makeRetirement({ device: laptop.keyId }, by, nextDate),
    )
  }
  assert.deepEqual(
    index.trust.devices().map(({ isRevoked, isRetired }) => [isRevoked, isRetired]),
    [
      [false, false],
      [false, false],
      [false, false],
    ],
  )
  assert.equal(await titleOf(index, album), 'Summer')
})

test('a revocation is undone neither by a delete nor by taking its attribute away', async () => {
  const { index, add, album, title } = await openFamily()
  const made = revocation(laptop, [], desktop)
  await add(...made)
  const permanode = await index.plannedPermanode(devicePermanodeKey(laptop.keyId))
  assert.ok(permanode)
  const claimType = 'del-attribute'
  await add(
    ...refsOf(made).map(ref => deletion(ref, owner, at(6000))),
    attribute(permanode, ['peerkeepRevoked'], { signer: owner, date: at(6001), claimType }),
    ...certificate(laptop, 'device', owner),
  )
  assert.equal(index.trust.isRevoked(laptop.keyId), true)
  assert.equal(await titleOf(index, album), undefined)
  assert.equal(await index.mayStore(laptop.keyId, refOf(title)), false)
})

test('an adopted key acts at once, and is no device', async () => {
  const { index, add, album } = await openFamily()
  const title = attribute(album, ['title', 'From before'], { signer: stranger, date: at(50) })
  await add(title)
  assert.equal(await titleOf(index, album), 'Summer')
  assert.equal((await members(index)).includes(refOf(title)), false)
  await add(...certificate(stranger, 'adopted', desktop))
  assert.equal(await titleOf(index, album), 'From before')
  assert.equal((await members(index)).includes(refOf(title)), true)
  assert.equal(index.trust.isOwn(stranger.keyId), true)
  assert.ok(index.trust.devices().every(({ keyId }) => keyId !== stranger.keyId))
  assert.ok((await index.latestClaimDate()) >= at(50))
  await add(...certificate(nas, 'admin', stranger), ...revocation(laptop, [], stranger))
  assert.equal(index.trust.isAdmin(nas.keyId), false)
  assert.equal(index.trust.isRevoked(laptop.keyId), false)
  await add(...revocation(stranger, [], desktop))
  assert.equal(await titleOf(index, album), 'Summer')
})

test('a retired device is shown as one, and all that it signs acts', async () => {
  const { index, add, album } = await openFamily()
  const permanode = await index.plannedPermanode(devicePermanodeKey(laptop.keyId))
  await add(...makeRetirement({ device: laptop.keyId, permanode }, desktop, nextDate))
  const retired = (): boolean[] =>
    index.trust
      .devices()
      .filter(({ isRetired }) => isRetired)
      .map(({ keyId }) => keyId === laptop.keyId)
  assert.deepEqual(retired(), [true])
  await add(attribute(album, ['title', 'Late'], { signer: laptop, date: at(60) }))
  assert.equal(await titleOf(index, album), 'Late')
  assert.ok(permanode)
  const again = ['peerkeepRetired', ''] as const
  await add(attribute(permanode, again, { signer: laptop, date: at(7000) }))
  assert.deepEqual(retired(), [true])
  await add(attribute(permanode, again, { signer: desktop, date: at(7001) }))
  assert.deepEqual(retired(), [])
})
