import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { parseStoreAddress, s3Environment } from '../../src/blob/store-address.ts'

const folder = (directory: string): object => ({ kind: 'folder', directory })
const bucket = (name: string, prefix: string): object => ({ kind: 'bucket', bucket: name, prefix })

const good: readonly (readonly [text: string, address: object])[] = [
  ['plain+file:///media/usb/blobs', folder('/media/usb/blobs')],
  ['plain+file:///media/usb/blobs/', folder('/media/usb/blobs')],
  ['plain+file:///media/./usb/../usb//blobs', folder('/media/usb/blobs')],
  ['plain+file:///mein%20Ordner/100%25', folder('/mein Ordner/100%')],
  ['plain+file:///mein Ordner/größe', folder('/mein Ordner/größe')],
  ['plain+s3://photos', bucket('photos', '')],
  ['plain+s3://photos/', bucket('photos', '')],
  ['plain+s3://photos/perkeep', bucket('photos', 'perkeep/')],
  ['plain+s3://photos/a/b c/', bucket('photos', 'a/b c/')],
]

const bad: readonly string[] = [
  '',
  '/media/usb',
  'file:///media/usb',
  's3://photos',
  'plain+s3:photos',
  'plain+file://media/usb',
  'plain+file://',
  'plain+file:///',
  'plain+file:///..',
  'plain+file:///a%2Fb',
  'plain+file:///100%',
  'plain+file:///a?b',
  'plain+s3://',
  'plain+s3://Photos',
  'plain+s3://a',
  'plain+s3:///photos',
  'plain+s3://user:secret@photos',
  'plain+s3://photos//a',
  'plain+s3://photos/../other',
]

test('an address says which folder, or which bucket and prefix', () => {
  for (const [text, address] of good) assert.deepEqual(parseStoreAddress(text), address)
})

test('anything else is refused with an example', () => {
  for (const text of bad) {
    assert.throws(
      () => parseStoreAddress(text),
      error =>
        isPeerkeepError(error, 'BAD_USAGE') &&
        error.message.includes('plain+s3://bucket/') &&
        !error.message.includes('secret'),
      text,
    )
  }
})

test('the server and the region are where the AWS tools look for them', () => {
  assert.deepEqual(s3Environment({ AWS_ENDPOINT_URL: 'http://a', AWS_DEFAULT_REGION: 'r' }), {
    endpoint: 'http://a',
    region: 'r',
  })
  const both = { AWS_ENDPOINT_URL: 'http://a', AWS_ENDPOINT_URL_S3: 'http://b', AWS_REGION: '' }
  assert.deepEqual(s3Environment(both), { endpoint: 'http://b', region: undefined })
})
