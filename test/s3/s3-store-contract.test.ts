import { after } from 'node:test'

import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openS3Store } from '../../src/blob/s3-store.ts'
import { blobStoreSuite } from '../contract/blob-store.ts'
import { openTestServer } from './server.ts'

const server = await openTestServer()
after(() => server.close())

blobStoreSuite(`a bucket of ${server.name}`, async () => {
  const bucket = await server.openBucket(await server.makeBucket())
  return openS3Store({ bucket, prefix: 'some/where/', clock: systemClock, random: systemRandom })
})
