import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { openS3Store } from '../../src/blob/s3-store.ts'
import type { BlobStore } from '../../src/blob/store.ts'
import { blobStoreSuite } from '../contract/blob-store.ts'
import { openTestServer } from './server.ts'

const server = await openTestServer()
after(() => server.close())

blobStoreSuite(`a bucket of ${server.name}`, async () => {
  const bucket = await server.openBucket(await server.makeBucket())
  return openS3Store({ bucket, prefix: 'some/where/', clock: systemClock, random: systemRandom })
})

test('who has looked what is lacked asks no more, and puts no other bytes', async () => {
  const name = await server.makeBucket()
  const open = async (isLackedKnown: boolean) => {
    const bucket = await server.openBucket(name)
    return openS3Store({
      bucket,
      prefix: '',
      isLackedKnown,
      clock: systemClock,
      random: systemRandom,
    })
  }
  await using asking = await open(false)
  await using knowing = await open(true)
  const bytes = Buffer.from('lacked')
  const receive = (store: BlobStore): Promise<boolean> =>
    openDoor(store, () => undefined)
      .receive(bytes)
      .then(({ isNew }) => isNew)
  assert.equal(await receive(knowing), true)
  assert.equal(await receive(knowing), true)
  assert.equal(await receive(asking), false)
  assert.deepEqual(Buffer.from((await asking.fetch(refOf(bytes))) ?? []), bytes)
})
