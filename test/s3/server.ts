import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'

import { type Bucket, openBucket } from '../../src/blob/s3-bucket.ts'
import { openS3Double, type S3Double } from './double.ts'

/** The S3 server of a test file: the double, or the real one that PEERKEEP_TEST_S3 names. */
export interface TestServer {
  readonly name: string
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Undefined when the server is a real one. */
  readonly double: S3Double | undefined
  /** The client as others use it, with what `config` says differently. */
  client(config?: S3ClientConfig): S3Client
  /** Makes a bucket that no other test has. */
  makeBucket(): Promise<string>
  /** Our own access to a bucket. */
  openBucket(name: string): Promise<Bucket>
  close(): Promise<void>
}

export async function openTestServer(): Promise<TestServer> {
  const endpoint = process.env['PEERKEEP_TEST_S3']
  if (endpoint === undefined) {
    const double = await openS3Double()
    return testServer('the double', double, double)
  }
  const { PEERKEEP_TEST_S3_KEY: accessKeyId, PEERKEEP_TEST_S3_SECRET: secretAccessKey } =
    process.env
  const server = {
    endpoint,
    accessKeyId: accessKeyId ?? 'testkey',
    secretAccessKey: secretAccessKey ?? 'testsecret',
  }
  return testServer(endpoint, server)
}

interface ServerKeys {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

function testServer(
  name: string,
  { endpoint, accessKeyId, secretAccessKey }: ServerKeys,
  double?: S3Double,
): TestServer {
  const credentials = { accessKeyId, secretAccessKey }
  const clients: S3Client[] = []
  const unique = `${process.pid}-${Date.now().toString(36)}`
  let buckets = 0

  function client(config: S3ClientConfig = {}): S3Client {
    const made = new S3Client({
      endpoint,
      credentials,
      region: 'us-east-1',
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 1,
      ...config,
    })
    clients.push(made)
    return made
  }

  const own = client()
  return {
    name,
    endpoint,
    credentials,
    double,
    client,
    async makeBucket() {
      const bucket = `test-${unique}-${++buckets}`
      await own.send(new CreateBucketCommand({ Bucket: bucket }))
      return bucket
    },
    openBucket: bucket => openBucket({ bucket, endpoint, region: 'us-east-1', credentials }),
    async close() {
      for (const each of clients) each.destroy()
      await double?.close()
    },
  }
}
