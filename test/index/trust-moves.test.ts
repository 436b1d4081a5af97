import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { makeRevocation } from '../../src/schema/certificates.ts'
import { devicePermanodeKey } from '../../src/schema/well-known.ts'
import { failingAt } from './failing-rows.ts'
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
  titleOf,
} from './family.ts'
import { at, attribute, openWorld, owner, planned, refsOf, signerNamed } from './index-world.ts'

test('keys that change hands more than once in a pass end where they belong', async () => {
  const { index, add, album, title } = await openFamily({ groupBlobsMax: 1 })
  const newer = attribute(album, ['title', 'Autumn'], { signer: laptop, date: at(20) })
  await add(newer, ...revocation(laptop, [title], owner))
  // The laptop is made a device by the desktop alone: with it goes the laptop, and what was listed of it.
  const listed = revocation(laptop, [newer], desktop)
  await add(...listed, ...revocation(desktop, [], owner), ...revocation(nas, [], owner))
  assert.equal(index.trust.isOwn(laptop.keyId), false)
  assert.deepEqual(await signedBy(index, laptop.keyId), [])
  assert.equal(await titleOf(index, album), undefined)
  await add(...certificate(laptop, 'device', owner))
  assert.equal(await titleOf(index, album), 'Summer')
  assert.deepEqual(await signedBy(index, laptop.keyId), [refOf(title)])
  assert.equal(await index.mayStore(laptop.keyId, refOf(newer)), false)
})

test('a key that is nobody any more and then revoked leaves no member behind', async () => {
  const { index, add, title } = await openFamily({ groupBlobsMax: 1 })
  await add(...revocation(desktop, [], owner), ...revocation(laptop, [], owner))
  assert.equal((await members(index)).includes(refOf(title)), false)
  assert.equal((await disputed(index)).includes(refOf(title)), false)
  await add(...certificate(laptop, 'device', owner))
  assert.equal((await disputed(index)).includes(refOf(title)), true)
})

test('what was lost of a device is listed all the same, and comes back under the letter it has now', async () => {
  const { index, add, store, album, title } = await openFamily()
  const other = attribute(album, ['tag', 'sea'], { signer: laptop, date: at(21) })
  await add(other)
  const both = refsOf([title, other])
  await store.remove(both)
  await index.lost(both)
  assert.equal((await members(index)).includes(refOf(title)), false)
  assert.deepEqual((await signedBy(index, laptop.keyId)).sort(), both.sort())
  await add(...revocation(laptop, [title], desktop))
  assert.deepEqual(await signedBy(index, laptop.keyId), [refOf(title)])
  assert.deepEqual(await disputed(index), [])
  await add(title, other)
  assert.equal((await members(index)).includes(refOf(title)), true)
  assert.deepEqual(await disputed(index), [refOf(other)])
  assert.equal(await titleOf(index, album), 'Summer')
})

test('what comes back while a killed revocation is half done gets the letter that it has then', async () => {
  for (let kill = 0; kill < 40; kill += 1) {
    const { store, rows, index, title, album } = await openFamily({ pieceMax: 1 })
    await store.remove([refOf(title)])
    await index.lost([refOf(title)])
    const dying = await openWorld({ store, rows: failingAt(rows, kill), pieceMax: 1 }).catch(
      () => undefined,
    )
    await dying?.add(...revocation(laptop, [], desktop)).catch(() => undefined)
    const again = await openWorld({ store, rows, pieceMax: 1 })
    await again.add(title)
    const isRevoked = again.index.trust.isRevoked(laptop.keyId)
    assert.deepEqual(await disputed(again.index), isRevoked ? [refOf(title)] : [])
    assert.equal((await members(again.index)).includes(refOf(title)), !isRevoked)
    assert.equal(await titleOf(again.index, album), isRevoked ? undefined : 'Summer')
  }
})

test('a list that was lost and comes back is read', async () => {
  const { index, add, store, album, title } = await openFamily()
  const [list, ...claim] = revocation(laptop, [title], desktop)
  assert.ok(list)
  await add(list)
  await store.remove([refOf(list)])
  await index.lost([refOf(list)])
  await add(...claim)
  assert.equal(await titleOf(index, album), undefined)
  await add(list)
  assert.equal(await titleOf(index, album), 'Summer')
})

test('a permanode that names a device no more keeps its place where a list has it', async () => {
  const { index, add } = await openFamily()
  const phone = signerNamed('phone')
  const permanode = planned(devicePermanodeKey(phone.keyId), laptop)
  const made = attribute(refOf(permanode), ['peerkeepRole', 'device'], {
    signer: desktop,
    date: nextDate(),
  })
  await add(
    permanode,
    ...certificate(laptop, 'device', owner),
    ...revocation(laptop, [permanode], owner),
  )
  const good = await signedBy(index, desktop.keyId)
  await add(made)
  assert.equal(index.trust.isOwn(phone.keyId), true)
  await add(...makeRevocation({ device: desktop.keyId, stays: good }, owner, nextDate))
  assert.equal(index.trust.isOwn(phone.keyId), false)
  assert.ok((await members(index)).includes(refOf(permanode)))
})

test('what is disputed and comes again just when it is no more, is taken once', async () => {
  const { index, add, store, album } = await openFamily({ groupBlobsMax: 1 })
  const forged = attribute(album, ['title', 'Forged'], { signer: laptop, date: at(70) })
  await add(...revocation(laptop, [], desktop), forged)
  const { claims, metaBlobs } = await index.counts()
  await store.remove([refOf(forged)])
  // The owner makes it an admin, whom only the owner throws out.
  const made = certificate(laptop, 'admin', owner)
  await add(...made, forged)
  assert.equal(index.trust.isAdmin(laptop.keyId), true)
  assert.equal(await titleOf(index, album), 'Forged')
  const after = await index.counts()
  assert.equal(after.claims, claims + made.length - 1)
  assert.equal(after.metaBlobs, metaBlobs + made.length)
})
