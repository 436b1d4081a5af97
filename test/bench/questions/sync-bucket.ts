import { randomBytes } from 'node:crypto'

import { PutObjectCommand, CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

import { openDoor } from '../../../src/blob/receive.ts'
import { refOf } from '../../../src/blob/ref.ts'
import { mustRun } from '../../process/peerkeep-process.ts'
import { missingCephPrograms, startCeph } from '../../s3/ceph.ts'
import { measure, rounded } from '../measure.ts'
import { benchDirectory, inParallel, openStoreAt } from '../store-in-process.ts'

const BLOBS = Number(process.env['BENCH_BLOBS'] ?? 100_000)
const BYTES = 4096
const PARALLEL = 32

/**
 * How long does `sync` take to copy a store to a bucket of Ceph on this machine, against the bare client that puts as many
 * objects of the same size with the same parallelism?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const missing = await missingCephPrograms()
  if (missing.length > 0) return { skipped: `${missing.join(', ')} not found` }
  const home = benchDirectory()
  await mustRun(home, 'init', '--name', 'bench')
  const { store, close } = await openStoreAt(home, `${home}/index/blobs`)
  const door = openDoor(store, () => undefined)
  await inParallel(1000, BLOBS, () => door.receive(randomBytes(BYTES)))
  await close()
  const ceph = await startCeph()
  try {
    const { endpoint, accessKeyId, secretAccessKey } = ceph
    const client = new S3Client({
      endpoint,
      credentials: { accessKeyId, secretAccessKey },
      region: 'us-east-1',
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      requestHandler: { httpAgent: { keepAlive: true, maxSockets: PARALLEL } },
    })
    for (const Bucket of ['bare', 'synced']) await client.send(new CreateBucketCommand({ Bucket }))
    const bare = async (): Promise<number> => {
      const begin = performance.now()
      await inParallel(PARALLEL, BLOBS, async () => {
        const Body = randomBytes(BYTES)
        await client.send(new PutObjectCommand({ Bucket: 'bare', Key: refOf(Body), Body }))
      })
      return (performance.now() - begin) / 1000
    }
    const env = {
      ...process.env,
      PEERKEEP_HOME: home,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    }
    const args = ['sync', 'here', 'plain+s3://synced/blobs', '--plain', '--quiet']
    // Before and behind: the server gets slower as it fills.
    const before = await bare()
    const synced = await measure('bin/peerkeep', args, env)
    const again = await measure('bin/peerkeep', args, env)
    const behind = await bare()
    client.destroy()
    return {
      blobs: BLOBS,
      bareSeconds: [before, behind].map(rounded),
      syncSeconds: rounded(synced.seconds),
      ratio: rounded(synced.seconds / ((before + behind) / 2)),
      peakMib: synced.peakMib,
      againSeconds: rounded(again.seconds),
    }
  } finally {
    await ceph.stop()
  }
}
