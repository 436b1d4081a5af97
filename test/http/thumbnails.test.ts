import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import sharp from 'sharp'

import type { BlobRef } from '../../src/blob/ref.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { type Answer, type ServedNode, ask, serveNode } from './served-node.ts'

async function storeFile(
  { node }: ServedNode,
  content: Uint8Array,
  name: string,
): Promise<BlobRef> {
  const { ref } = await node.door.receive(content)
  const parts = [{ size: content.length, blobRef: ref }]
  const schema = writeSchema({ type: 'file', name: Buffer.from(name), parts })
  return (await node.door.receive(schema)).ref
}

async function picture(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#3060c0' } })
    .jpeg()
    .toBuffer()
}

async function sizeOf({ body }: Answer): Promise<readonly (number | string | undefined)[]> {
  const { width, height, format } = await sharp(body).metadata()
  return [format, width, height]
}

/** The files of the cache. */
async function keptBy({ node }: ServedNode): Promise<string[]> {
  const names = await readdir(node.paths.thumbnails, { recursive: true }).catch(() => [])
  return names.filter(name => name.includes('/')).map(name => join(node.paths.thumbnails, name))
}

test('a thumbnail is made once, kept, and served as what never changes', async () => {
  await using served = await serveNode()
  const file = await storeFile(served, await picture(400, 200), 'a.jpg')
  const path = `/ui/thumbnail/${file}/a.jpg?mw=100&mh=100`
  const answers = await Promise.all([ask(served.port, path), ask(served.port, path)])
  for (const answer of answers) {
    assert.deepEqual([answer.status, ...(await sizeOf(answer))], [200, 'jpeg', 100, 50])
    assert.equal(answer.headers['content-type'], 'image/jpeg')
    assert.match(answer.headers['cache-control'] ?? '', /private.*immutable/)
  }
  const etag = answers[0]?.headers.etag ?? ''
  const again = await ask(served.port, path, { headers: { 'if-none-match': etag } })
  assert.deepEqual([again.status, again.body.length], [304, 0])
  const head = await ask(served.port, path, { method: 'HEAD' })
  assert.deepEqual([head.status, head.body.length], [200, 0])
  const [kept, other] = await keptBy(served)
  assert.ok(kept !== undefined && other === undefined)
  // It comes from the cache: another one there is what is served, and a damaged one is not.
  await served.node.thumbnails.sweep()
  const bytes = await readFile(kept)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  await writeFile(kept, bytes)
  assert.deepEqual(await sizeOf(await ask(served.port, path)), ['jpeg', 100, 50])
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  assert.deepEqual(await readFile(kept), bytes)
})

test('a thumbnail goes with its file', async () => {
  await using served = await serveNode()
  const { node, port } = served
  const file = await storeFile(served, await picture(40, 20), 'a.jpg')
  const path = `/ui/thumbnail/${file}/a.jpg?mw=10&mh=10`
  assert.equal((await ask(port, path)).status, 200)
  await node.thumbnails.sweep()
  assert.equal((await keptBy(served)).length, 1)
  await node.store.remove([file])
  assert.equal((await ask(port, path)).status, 404)
  await node.thumbnails.sweep()
  assert.deepEqual(await keptBy(served), [])
})

test('what cannot be shown is one error that says why', async () => {
  await using served = await serveNode({ auth: ['userpass:alice:secret'] })
  const { node, port } = served
  const authorization = `Basic ${Buffer.from('alice:secret').toString('base64')}`
  const good = await storeFile(served, await picture(40, 20), 'a.jpg')
  const text = await storeFile(served, Buffer.from('no picture at all'), 'a.jpg')
  const { ref: absent } = await node.door.receive(Buffer.from('gone'))
  await node.store.remove([absent])
  const get = async (path: string, headers = { authorization }): Promise<number> =>
    (await ask(port, `/ui/thumbnail/${path}`, { headers })).status
  assert.equal(await get(`${good}/a.jpg`, { authorization: '' }), 401)
  assert.equal(await get(`${good}/a.jpg`), 200)
  assert.equal(await get(`${text}/a.jpg`), 415)
  assert.equal(await get(`${absent}/a.jpg`), 404)
  assert.equal(await get('sha224-nonsense/a.jpg'), 400)
  for (const query of ['mw=0', 'mw=2001', 'mh=-1', 'mw=1e3', 'mh=NaN'])
    assert.equal(await get(`${good}/a.jpg?${query}`), 400, query)
})
