import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openBucket } from '../../src/blob/s3-bucket.ts'
import { openS3Store } from '../../src/blob/s3-store.ts'
import type { BlobStore } from '../../src/blob/store.ts'
import { blobStoreSuite } from '../contract/blob-store.ts'
import { openS3Double } from './double.ts'

const double = await openS3Double()
after(() => double.close())
const credentials = { accessKeyId: double.accessKeyId, secretAccessKey: double.secretAccessKey }
const client = new S3Client({
  endpoint: double.endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials,
})
let n = 0
async function open(): Promise<BlobStore> {
  const bucket = `bucket-${++n}`
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  return openS3Store({
    bucket: await openBucket({
      bucket,
      endpoint: double.endpoint,
      region: 'us-east-1',
      credentials,
    }),
    prefix: 'some/where/',
    clock: systemClock,
    random: systemRandom,
  })
}
blobStoreSuite('a bucket', open)
test('x', () => assert.ok(true))
