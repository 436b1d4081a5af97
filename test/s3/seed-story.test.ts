import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import type { JsonObject } from '../../src/base/json.ts'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import { openS3Store } from '../../src/blob/s3-store.ts'
import type { Node } from '../../src/node/node.ts'
import { packedZip } from '../blob/perkeep-formats.ts'
import { ask, formOf, type ServedNode, serveNode, uploadOf } from '../http/served-node.ts'
import { operate } from '../node/homes.ts'
import { openTestServer } from './server.ts'

const server = await openTestServer()
after(() => server.close())

const aws = {
  AWS_ENDPOINT_URL: server.endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
}

function sync(node: Node, from: string, to: string): Promise<{ readonly result: JsonObject }> {
  return operate(node, 'sync', { from, to, plain: true, aws })
}

const FILES = 40

/** Fills the store as a client does: chunks, files, a folder of them, permanodes about some. */
async function fill({
  node,
  port,
}: ServedNode): Promise<{ files: string[]; permanodes: string[] }> {
  const files: string[] = []
  const permanodes: string[] = []
  for (let at = 0; at < FILES; at += 1) {
    const boundary = 'story'
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="photo ${at}.raw"\r\n\r\n`
    const body = Buffer.concat([
      Buffer.from(head),
      randomBytes(at * 20_000),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ])
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
    const answer = await ask(port, '/ui/?camli.mode=uploadhelper', {
      method: 'POST',
      headers,
      body,
    })
    const { got } = JSON.parse(answer.body.toString()) as { got: { fileref: string }[] }
    files.push(got[0]?.fileref ?? '')
    if (at % 4 > 0) continue
    const { result } = await operate(node, 'permanode', { title: `photo ${at}`, tags: ['story'] })
    const permanode = result['permanode'] as string
    await operate(node, 'attr', {
      mode: 'set',
      permanode,
      name: 'camliContent',
      value: files[at] ?? '',
    })
    permanodes.push(permanode)
  }
  const raw = Buffer.from('raw, and nothing says what it is')
  await ask(port, '/bs/camli/upload', uploadOf([[refOf(raw), raw]]))
  return { files, permanodes }
}

/** Everything that a client may ask, as one text. */
async function answers(
  { port }: ServedNode,
  { files, permanodes }: { readonly files: string[]; readonly permanodes: string[] },
): Promise<string[]> {
  const paths = [
    ...files.map(ref => `/ui/download/${ref}`),
    ...permanodes.flatMap(ref => [
      `/my-search/camli/search/describe?blobref=${ref}&depth=3`,
      `/my-search/camli/search/claims?permanode=${ref}`,
    ]),
    '/my-search/camli/search/permanodeattr?attr=tag&value=story',
  ]
  const texts: string[] = []
  for (const path of paths) {
    const { status, body } = await ask(port, path)
    assert.equal(status, 200, path)
    texts.push(body.toString('latin1'))
  }
  const listed = await ask(port, '/bs/camli/enumerate-blobs?limit=10000')
  return [...texts, listed.body.toString('latin1')]
}

test('filled over HTTP, copied to a bucket, lost, copied back: the same answers', async () => {
  const home = await mkdtemp(join(tmpdir(), 'peerkeep-story-'))
  try {
    const bucket = `plain+s3://${await server.makeBucket()}/blobs`
    let before: string[] = []
    let known = { files: [] as string[], permanodes: [] as string[] }
    {
      await using served = await serveNode({ home })
      known = await fill(served)
      // What no claim reaches is pinned before, so that the copy has the pin too.
      await served.node.loose.settle()
      const first = await sync(served.node, 'here', bucket)
      assert.equal(first.result['failed'], 0)
      assert.equal(first.result['copied'], first.result['seen'])
      const again = await sync(served.node, 'here', bucket)
      assert.equal(again.result['copied'], 0)
      before = await answers(served, known)
    }
    for (const name of ['blobs', 'index']) await rm(join(home, name), { recursive: true })
    {
      await using served = await serveNode({ home })
      const empty = await ask(served.port, '/bs/camli/enumerate-blobs')
      assert.equal(JSON.parse(empty.body.toString()).blobs.length, 0)
      const back = await sync(served.node, bucket, 'here')
      assert.equal(back.result['failed'], 0)
      await operate(served.node, 'reindex')
      assert.deepEqual(await answers(served, known), before)
    }
    assert.ok((await readdir(home)).includes('blobs'))
  } finally {
    await rm(home, { recursive: true })
  }
})

test('a bucket that Perkeep has packed is read like any other, and left as it is', async () => {
  const name = await server.makeBucket()
  const [loose, chunk] = [randomBytes(400), randomBytes(90_000)]
  const file = Buffer.from(
    `{"camliVersion": 1,\n  "camliType": "file",\n  "fileName": "a",\n  "parts": [\n    {\n      "blobRef": "${refOf(chunk)}",\n      "size": 90000\n    }\n  ]\n}`,
  )
  const zip = packedZip([chunk], [file])
  for (const [prefix, bytes] of [
    ['perkeep/loose/', loose],
    ['perkeep/packed/', zip],
  ] as const) {
    const bucket = await server.openBucket(name)
    await using store = await openS3Store({
      bucket,
      prefix,
      clock: systemClock,
      random: systemRandom,
    })
    await openDoor(store, () => undefined).receive(bytes)
  }
  await using served = await serveNode()
  const { result } = await sync(served.node, `plain+s3://${name}/perkeep`, 'here')
  assert.deepEqual([result['copied'], result['failed']], [3, 0])
  const { body } = await ask(served.port, `/ui/download/${refOf(file)}`)
  assert.ok(body.equals(chunk))
  const stat = await ask(
    served.port,
    '/bs/camli/stat',
    formOf({ camliversion: '1', blob1: refOf(zip), blob2: refOf(loose) }),
  )
  assert.equal(JSON.parse(stat.body.toString()).stat.length, 1)
})
