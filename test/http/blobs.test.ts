import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import fc from 'fast-check'

import { refOf } from '../../src/blob/ref.ts'
import { boundaryOf, readMultipart } from '../../src/http/multipart.ts'
import { operate } from '../node/homes.ts'
import { ask, formOf, serveNode, uploadOf } from './served-node.ts'

const jsonOf = <Value>({ body }: { readonly body: Buffer }): Value =>
  JSON.parse(body.toString()) as Value

test('however a form is cut on its way, its parts are the same', async () => {
  const parts = fc.array(
    fc.record({
      name: fc.stringMatching(/^[a-z0-9-]{1,20}$/),
      content: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc
          .constantFrom('\r\n', '\r\n--', '--b', '\r\n--a', '\r\n\r\n')
          .map(text => Buffer.from(text)),
      ),
    }),
    { maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(parts, fc.integer({ min: 1, max: 50 }), async (given, step) => {
      const boundary = 'b-that-no-content-holds'
      const body = Buffer.concat([
        Buffer.from('a preamble'),
        ...given.flatMap(({ name, content }) => [
          Buffer.from(
            `\r\n--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\nX: y\r\n\r\n`,
          ),
          content,
        ]),
        Buffer.from(`\r\n--${boundary}--\r\nan epilogue`),
      ])
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < body.length; at += step) yield body.subarray(at, at + step)
      }
      const read: { name: string; content: string }[] = []
      for await (const { name, body: content } of readMultipart(pieces(), boundary)) {
        const chunks = (await Array.fromAsync(content)).map(chunk => Uint8Array.from(chunk))
        read.push({ name, content: Buffer.concat(chunks).toString('hex') })
      }
      const expected = given.map(({ name, content }) => ({
        name,
        content: Buffer.from(content).toString('hex'),
      }))
      assert.deepEqual(read, expected)
    }),
    { numRuns: 150 },
  )
  assert.equal(boundaryOf('multipart/form-data; charset=x; boundary="a b"'), 'a b')
})

test('what an upload answers for is there, whatever came before or behind it', async () => {
  await using served = await serveNode()
  const blobs = Array.from({ length: 300 }, (_, at) => randomBytes(1 + at * 37))
  const largest = randomBytes(16 * 1024 * 1024)
  const good = [...blobs, largest, Buffer.alloc(0)].map(bytes => [refOf(bytes), bytes] as const)
  const forged = [refOf(Buffer.from('x')), Buffer.from('y')] as const
  const answer = await ask(
    served.port,
    '/bs/camli/upload',
    uploadOf([...good, ['junk', blobs[0] ?? largest], forged]),
  )
  const { received, errorText } = jsonOf<{
    received: { blobRef: string; size: number }[]
    errorText: string
  }>(answer)
  assert.deepEqual(
    received,
    good.map(([blobRef, bytes]) => ({ blobRef, size: bytes.length })),
  )
  assert.match(errorText, /Ignoring form key "junk"\n.*corrupt blob/s)
  for (const [blobRef, bytes] of good) {
    const { status, body } = await ask(served.port, `/bs/camli/${blobRef}`)
    assert.equal(status, 200)
    assert.ok(body.equals(bytes))
  }
})

test('a stat that waits answers when the last blob comes', async () => {
  await using served = await serveNode()
  const [first, second] = [Buffer.from('first'), Buffer.from('second')]
  const fields = { camliversion: '1', blob1: refOf(first), blob2: refOf(second), maxwaitsec: '30' }
  const { door } = served.node
  await door.receive(first)
  const waiting = ask(served.port, '/bs/camli/stat', formOf(fields))
  // Whatever of it has happened when the blob comes, it answers.
  await ask(served.port, '/bs/camli/enumerate-blobs')
  await door.receive(Buffer.from('another'))
  await door.receive(second)
  const { stat } = jsonOf<{ stat: unknown[] }>(await waiting)
  assert.equal(stat.length, 2)
})

test('what nothing needs is condemned by a removal, and comes back when it is sent again', async () => {
  await using served = await serveNode()
  const lonely = Buffer.from('lonely')
  const ref = refOf(lonely)
  const upload = uploadOf([[ref, lonely]])
  await ask(served.port, '/bs/camli/upload', upload)
  const removed = await ask(served.port, '/bs/camli/remove', formOf({ blob1: ref }))
  assert.deepEqual(jsonOf(removed), { removed: [ref], error: '' })
  const isListed = async (): Promise<boolean> =>
    (await ask(served.port, '/bs/camli/enumerate-blobs')).body.includes(ref)
  const stat = async (): Promise<number> =>
    jsonOf<{ stat: unknown[] }>(
      await ask(served.port, '/bs/camli/stat', formOf({ camliversion: '1', blob1: ref })),
    ).stat.length
  assert.equal(await isListed(), false)
  assert.equal(await stat(), 0)
  assert.equal((await ask(served.port, `/bs/camli/${ref}`)).status, 200)
  await ask(served.port, '/bs/camli/upload', upload)
  assert.equal(await isListed(), true)
  assert.equal(await stat(), 1)
})

test('what something needs stays, and with it all that was named beside it', async () => {
  await using served = await serveNode()
  const { node, port } = served
  const { result } = await operate(node, 'permanode', { title: 'kept', tags: [] })
  const lonely = Buffer.from('lonely')
  await node.door.receive(lonely)
  for (const needed of [result['permanode'] as string, node.device.keyRef]) {
    const form = formOf({ blob1: refOf(lonely), blob2: needed })
    const refused = await ask(port, '/bs/camli/remove', form)
    assert.equal(refused.status, 403)
    assert.match(refused.body.toString(), /nothing was removed/)
  }
  const listed = await ask(port, '/bs/camli/enumerate-blobs')
  assert.ok(listed.body.includes(refOf(lonely)))
})

test('a file that is vivified gets a permanode with its content', async () => {
  await using served = await serveNode()
  const { node, port } = served
  const content = Buffer.from('hello <world>\n')
  const file = Buffer.from(
    `{"camliVersion": 1,\n  "camliType": "file",\n  "fileName": "hello.txt",\n  "parts": [\n    {\n      "blobRef": "${refOf(content)}",\n      "size": ${content.length}\n    }\n  ],\n  "unixMtime": "2010-01-01T00:00:00Z"\n}`,
  )
  await ask(port, '/bs/camli/upload', uploadOf([[refOf(content), content]]))
  const upload = uploadOf([[refOf(file), file]])
  const headers = { ...upload.headers, 'x-camlistore-vivify': '1' }
  const answer = await ask(port, '/bs/camli/upload', { ...upload, headers })
  const permanode = String(answer.headers['x-camlistore-vivified'])
  const described = await operate(node, 'describe', { ref: permanode })
  assert.deepEqual(described.result['attributes'], { camliContent: [refOf(file)] })
  assert.equal(described.result['key'], refOf(content))
})
