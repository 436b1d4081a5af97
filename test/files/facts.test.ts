import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { factsOfContent } from '../../src/files/facts.ts'

/** One directory entry of TIFF, little-endian: values of up to four bytes stand in it, others at an offset. */
function entry(tag: number, type: number, count: number, value: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16LE(tag, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.writeUInt32LE(count, 4)
  bytes.writeUInt32LE(value, 8)
  return bytes
}

/** A JPEG of 300 x 200 pixels that a camera held sideways, with its EXIF. */
function jpeg(): Buffer {
  const model = Buffer.from('Peer 1\0\0')
  const date = Buffer.from('2024:05:06 07:08:09\0')
  const ifd = Buffer.concat([
    Buffer.from([3, 0]),
    entry(0x0110, 2, 7, 50),
    entry(0x0112, 3, 1, 6),
    entry(0x8769, 4, 1, 58),
    Buffer.alloc(4),
  ])
  const exifIfd = Buffer.concat([Buffer.from([1, 0]), entry(0x9003, 2, 20, 76), Buffer.alloc(4)])
  const tiff = Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), ifd, model, exifIfd, date])
  const app1 = Buffer.concat([Buffer.from('Exif\0\0'), tiff])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(app1.length + 2)
  const frame = Buffer.from('ffc0001108' + '00c8' + '012c' + '03012200021101031101', 'hex')
  return Buffer.concat([
    Buffer.from('ffd8ffe1', 'hex'),
    length,
    app1,
    frame,
    Buffer.from('ffd9', 'hex'),
  ])
}

test('a picture tells its type, its size as shown, when and with what it was taken', async () => {
  const facts = await factsOfContent(jpeg())
  assert.equal(facts.mediaType, 'image/jpeg')
  assert.deepEqual([facts.width, facts.height], [200, 300])
  assert.equal(facts.taken, '2024-05-06T07:08:09')
  assert.equal(facts.camera, 'Peer 1')
})

test('text is told from the rest, also when a character is cut at the end of the sample', async () => {
  const text = Buffer.from('é'.repeat(4000)).subarray(0, 7001)
  assert.deepEqual(await factsOfContent(text), { mediaType: 'text/plain' })
  assert.equal(
    (await factsOfContent(Buffer.from([0xff, 0xfe, 0, 1]))).mediaType === 'text/plain',
    false,
  )
  assert.deepEqual(await factsOfContent(new Uint8Array()), {})
})

test('whatever a picture holds, nothing fails', async () => {
  const whole = jpeg()
  const damaged = fc
    .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    .map(changes => {
      const bytes = Buffer.from(whole)
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
  const cut = fc.nat(whole.length).map(length => whole.subarray(0, length))
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, cut, fc.uint8Array({ maxLength: 200 })), async bytes => {
      const facts = await factsOfContent(bytes)
      assert.ok(facts.width === undefined || facts.width > 0)
    }),
    { numRuns: 2000 },
  )
})
