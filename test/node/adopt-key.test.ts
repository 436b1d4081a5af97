import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import type { Node } from '../../src/node/node.ts'
import { readKeyBlob } from '../../src/schema/key-blob.ts'
import { gpgExport } from '../vectors/perkeep/gpg-export.ts'
import { blobOf, keyBlob, signedVectors as vectors } from '../vectors/perkeep/signed-cases.ts'
import { openHomes, operate, until } from './homes.ts'

const keyRef = refOf(keyBlob)
const keyId = readKeyBlob(keyBlob)?.keyId ?? assert.fail('the key is not read')
const claims = vectors.items.map(({ ref }) => blobOf(ref))
const titled = vectors.items.find(({ name }) => name === 'planned-permanode')?.ref ?? ''

async function addClaims(node: Node): Promise<void> {
  for (const bytes of claims) await node.door.receive(bytes)
  await node.index.catchUp()
}

async function isActing(node: Node): Promise<boolean> {
  await node.index.catchUp()
  return (await node.index.plannedPermanode('vec-key-1')) === titled
}

async function blobCount(node: Node): Promise<number> {
  return (await Array.fromAsync(node.store.enumerate())).length
}

test('an exported key makes all claims count, is listed, and adopting it again signs nothing', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const node = await homes.open('laptop')
  await addClaims(node)
  assert.equal(await isActing(node), false)
  const told = (await operate(node, 'doctor')).items.map(item => JSON.stringify(item['message']))
  assert.ok(told.some(line => line.includes(keyRef) && line.includes('adopt-key')))

  const key = gpgExport().toString('latin1')
  const { result, questions } = await operate(node, 'adopt-key', { key }, true)
  assert.match(questions.join(), /5203 AB08 6A5E 437E yours\? 1\d claims/)
  assert.deepEqual([result['isNew'], result['keyRef']], [true, keyRef])
  assert.equal(await isActing(node), true)
  const listed = (await operate(node, 'devices')).items.find(({ role }) => role === 'adopted')
  assert.deepEqual([listed?.['keyId'], listed?.['revoked']], [keyId, false])
  const status = (await operate(node, 'status')).result
  assert.deepEqual(status['sleepingKeys'], [])
  assert.deepEqual(status['adoptedKeys'], [
    { name: 'key 5203AB086A5E437E', key: keyId, revoked: false },
  ])

  const before = await blobCount(node)
  const again = await operate(node, 'adopt-key', { ref: keyRef })
  assert.deepEqual([again.result['isNew'], again.questions], [false, []])
  assert.equal(await blobCount(node), before)
})

test('a key in the store is adopted by its ref, and nothing happens without consent or right', async () => {
  await using homes = await openHomes()
  await homes.create('laptop')
  const node = await homes.open('laptop')
  await node.door.receive(keyBlob)
  await addClaims(node)
  const before = await blobCount(node)
  const refused = [
    [{ ref: keyRef }, 'REFUSED'],
    [{ ref: titled, yes: true }, 'BAD_SCHEMA'],
    [{ ref: refOf(Buffer.from('nowhere')), yes: true }, 'NOT_FOUND'],
    [{ key: 'hello', yes: true }, 'BAD_SCHEMA'],
    [{ key: '-----BEGIN PGP PRIVATE KEY BLOCK-----', yes: true }, 'BAD_SCHEMA'],
    [{ key: gpgExport().toString('latin1') + ' '.repeat(256 * 1024), yes: true }, 'BAD_SCHEMA'],
    [{ yes: true }, 'BAD_USAGE'],
    [{ key: Buffer.from(node.device.keyBlob).toString(), yes: true }, 'REFUSED'],
    [{ key: Buffer.from(node.ownerKeyBlob).toString(), yes: true }, 'REFUSED'],
    [{ ref: keyRef, yes: true, words: 'abandon '.repeat(23) + 'art' }, 'BAD_WORDS'],
  ] as const
  for (const [args, code] of refused)
    await assert.rejects(operate(node, 'adopt-key', { ...args }), { code })
  assert.equal(await blobCount(node), before)
  assert.equal(await isActing(node), false)
  await operate(node, 'adopt-key', { ref: keyRef, yes: true })
  assert.equal(await isActing(node), true)
})

test('a second device refuses the claims before, gets them all after, and a revocation leaves those', async () => {
  await using homes = await openHomes()
  const words = await homes.create('laptop')
  const laptop = await homes.open('laptop', { isConnected: true })
  await laptop.door.receive(keyBlob)
  await addClaims(laptop)
  const nas = await homes.join(laptop, 'nas')
  const marker = await laptop.claims.randomPermanode()
  await until(nas, async () => nas.index.isMember('claims', marker))
  await until(nas, async () => nas.index.isMember('claims', keyRef))
  for (const { ref } of vectors.items)
    assert.deepEqual(await nas.store.stat([ref as typeof keyRef]), [undefined])

  // The NAS is no admin: it adopts with the words alone.
  await assert.rejects(operate(nas, 'adopt-key', { ref: keyRef, yes: true }), { code: 'NOT_ADMIN' })
  await operate(nas, 'adopt-key', { ref: keyRef, yes: true, words })
  const isThere = async (node: Node): Promise<boolean> => {
    const known = vectors.items.map(async ({ ref }) =>
      node.index.isMember('claims', ref as typeof keyRef),
    )
    return (await Promise.all(known)).every(Boolean)
  }
  await until(laptop, () => isThere(laptop))
  await until(nas, () => isThere(nas))
  assert.equal(await isActing(nas), true)
  // A device that joins later is sent claims, key and adoption in any order.
  const phone = await homes.join(laptop, 'phone')
  await until(phone, () => isThere(phone))
  assert.equal(await isActing(phone), true)

  const { result } = await operate(laptop, 'revoke', { device: '0x5203ab086a5e437e', yes: true })
  assert.deepEqual([result['role'], result['stays']], ['adopted', vectors.items.length])
  assert.equal(await isActing(laptop), true)
  await until(nas, async () => nas.index.trust.isRevoked(keyId))
  await assert.rejects(operate(laptop, 'adopt-key', { ref: keyRef, yes: true }), {
    code: 'REFUSED',
  })
  // What comes after the revocation does not count.
  const late = vectors.verifyCases
    .filter(({ expect }) => expect.ok)
    .map(one => Buffer.from(one.signed))
  const [later] = late.filter(bytes => !claims.some(known => known.equals(bytes)))
  assert.ok(later)
  await laptop.door.receive(later)
  await laptop.index.catchUp()
  assert.equal(await laptop.index.isMember('claims', refOf(later)), false)
  const disputed = await operate(laptop, 'disputed')
  assert.deepEqual(
    disputed.items.map(({ ref, device }) => [ref, device]),
    [[refOf(later), 'key 5203AB086A5E437E']],
  )
  await operate(laptop, 'disputed', { accept: [refOf(later)] })
  assert.equal(await laptop.index.isMember('claims', refOf(later)), true)
})
