import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { Index } from '../../src/index/queries.ts'
import { canonicalKeyBlob, readKeyBlob } from '../../src/schema/key-blob.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import { gpgExport } from '../vectors/perkeep/gpg-export.ts'
import { blobOf, keyBlob, signedVectors as vectors } from '../vectors/perkeep/signed-cases.ts'
import { at, openWorld, owner, rowsOf } from './index-world.ts'

const keyId = readKeyBlob(keyBlob)?.keyId ?? assert.fail('the key is not read')
const keyRef = refOf(keyBlob)
const claims = vectors.items.map(({ ref }) => blobOf(ref))

function adoption(): Uint8Array[] {
  let seconds = 100
  const certificate = {
    device: { keyId, keyRef },
    name: 'the old Perkeep',
    role: 'adopted',
  } as const
  return [owner.keyBlob, ...makeCertificate(certificate, owner, () => at(seconds++))]
}

async function membersOf(index: Index): Promise<Set<BlobRef>> {
  return new Set(await Array.fromAsync(index.enumerateMeta('claims'), ({ ref }) => ref))
}

const permanode = refOf(
  blobOf(vectors.items.find(({ name }) => name === 'planned-permanode')?.ref ?? ''),
)

const orders: Readonly<Record<string, readonly Uint8Array[][]>> = {
  'claims, then their key, then the adoption': [claims, [keyBlob], adoption()],
  'the adoption, then the claims, then the key': [adoption(), claims, [keyBlob]],
  'the key in the store, then the adoption, then the claims': [[keyBlob], adoption(), claims],
  'claims, then the adoption, then the key': [claims, adoption(), [keyBlob]],
  'what gpg exports, stored as the blob that claims name': [
    claims,
    adoption(),
    [canonicalKeyBlob(gpgExport()) ?? assert.fail('no key')],
  ],
}

for (const [order, steps] of Object.entries(orders)) {
  test(`adopted claims act, all of them, and nothing before: ${order}`, async () => {
    const world = await openWorld()
    for (const [i, step] of steps.entries()) {
      if (i === steps.length - 1) {
        assert.equal((await world.index.permanode(permanode))?.isOwn ?? false, false)
        assert.equal(await world.index.plannedPermanode('vec-key-1'), undefined)
      }
      await world.add(...step)
    }
    const members = await membersOf(world.index)
    for (const { ref, name } of vectors.items) assert.ok(members.has(ref as BlobRef), name)
    assert.ok(members.has(keyRef))
    assert.equal(await world.index.plannedPermanode('vec-key-1'), permanode)
    assert.deepEqual(await world.index.sleeping(), [])
    assert.deepEqual(
      world.index.trust.adopted().map(known => [known.keyId, known.keyRef, known.name]),
      [[keyId, keyRef, 'the old Perkeep']],
    )
    const rebuilt = await openWorld({ store: world.store })
    await rebuilt.index.catchUp()
    assert.deepEqual(await rowsOf(rebuilt.rows), await rowsOf(world.rows))
  })
}

test("each of Perkeep's verdicts on a signature is the index's: what it refuses acts never", async () => {
  for (const { name, signed, expect } of vectors.verifyCases) {
    const { index, add } = await openWorld()
    const blob = Buffer.from(signed)
    await add(keyBlob, blob)
    assert.equal((await membersOf(index)).has(refOf(blob)), false, name)
    await add(...adoption())
    assert.equal((await membersOf(index)).has(refOf(blob)), expect.ok, name)
  }
})

test('what sleeps is told by key, also while the key is not here', async () => {
  const { index, add } = await openWorld()
  await add(...claims)
  const only = claims.filter(bytes => bytes.includes('"camliType": "claim"')).length
  const counted = { keyRef, signed: claims.length, claims: only, isAtLeast: false }
  assert.deepEqual(await index.sleeping(), [{ ...counted, keyId: undefined }])
  await add(keyBlob)
  assert.deepEqual(await index.sleeping(), [{ ...counted, keyId }])
  const [some] = await index.sleeping(5)
  assert.deepEqual([some?.signed, some?.isAtLeast], [5, true])
})
