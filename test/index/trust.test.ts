import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import { devicePermanodeKey } from '../../src/schema/well-known.ts'
import { at, attribute, openWorld, owner, planned, signerNamed } from './index-world.ts'

const laptop = signerNamed('laptop')
const nas = signerNamed('nas')
const stranger = signerNamed('stranger')

function dates(start: number): () => bigint {
  let next = start
  return () => at(next++)
}

test('the owner makes an admin, the admin makes a device', async () => {
  const { index, add } = await openWorld()
  await add(
    owner.keyBlob,
    ...makeCertificate({ device: laptop, name: 'laptop', role: 'admin' }, owner, dates(1)),
  )
  assert.equal(index.trust.isAdmin(laptop.keyId), true)
  await add(
    laptop.keyBlob,
    ...makeCertificate({ device: nas, name: 'nas', role: 'device' }, laptop, dates(10)),
  )
  const devices = index.trust.devices().map(({ name, role, keyId }) => ({ name, role, keyId }))
  assert.deepEqual(
    new Set(devices),
    new Set([
      { name: 'laptop', role: 'admin', keyId: laptop.keyId },
      { name: 'nas', role: 'device', keyId: nas.keyId },
    ]),
  )
  assert.equal(index.trust.isAdmin(nas.keyId), false)
})

test('claims act at once when their signer is certified after them', async () => {
  const { index, add } = await openWorld()
  const permanode = planned('album', nas)
  const title = attribute(refOf(permanode), ['title', 'Summer'], { signer: nas, date: at(5) })
  await add(permanode, title, nas.keyBlob)
  assert.equal((await index.permanode(refOf(permanode)))?.isOwn, false)
  assert.equal(await index.plannedPermanode('album'), undefined)
  await add(
    owner.keyBlob,
    ...makeCertificate({ device: nas, name: 'nas', role: 'device' }, owner, dates(20)),
  )
  const state = await index.permanode(refOf(permanode))
  assert.deepEqual(state?.attributes.get('title'), ['Summer'])
  assert.equal(await index.plannedPermanode('album'), refOf(permanode))
})

test('a certificate by anyone else is nothing', async () => {
  const { index, add } = await openWorld()
  await add(
    owner.keyBlob,
    stranger.keyBlob,
    nas.keyBlob,
    ...makeCertificate({ device: nas, name: 'nas', role: 'device' }, owner, dates(1)),
    // A device that is no admin, and a stranger for itself.
    ...makeCertificate({ device: stranger, name: 'x', role: 'device' }, nas, dates(10)),
    ...makeCertificate({ device: stranger, name: 'x', role: 'admin' }, stranger, dates(20)),
  )
  assert.equal(index.trust.isOwn(nas.keyId), true)
  assert.equal(index.trust.isOwn(stranger.keyId), false)
})

test('an admin cannot make an admin', async () => {
  const { index, add } = await openWorld()
  await add(
    owner.keyBlob,
    laptop.keyBlob,
    ...makeCertificate({ device: laptop, name: 'laptop', role: 'admin' }, owner, dates(1)),
    ...makeCertificate({ device: nas, name: 'nas', role: 'admin' }, laptop, dates(10)),
  )
  assert.equal(index.trust.isOwn(nas.keyId), false)
})

test('whoever listens hears of a device and of its new name', async () => {
  const { index, add } = await openWorld()
  let heard = 0
  index.trust.onChange(() => (heard += 1))
  await add(
    owner.keyBlob,
    ...makeCertificate({ device: nas, name: 'nas', role: 'device' }, owner, dates(1)),
  )
  assert.ok(heard > 0)
  const before = heard
  const permanode = await index.plannedPermanode(devicePermanodeKey(nas.keyId))
  assert.ok(permanode)
  await add(attribute(permanode, ['title', 'attic'], { signer: owner, date: at(60) }))
  assert.equal(index.trust.devices()[0]?.name, 'attic')
  assert.equal(heard, before + 1)
})
